/** The time as ISO 8601 text in UTC with milliseconds, so that text order is time order. */
export type Timestamp = string;

/** Time and waiting are passed in, so that a test can steer them. */
export type Clock = {
  readonly now: () => Timestamp;
  readonly sleep: (ms: number) => Promise<void>;
};

/** Makes an id that nobody has made before (UUIDv7 text in the running system). */
export type NewId = () => string;
