/** Port: tells all nodes what they can do without. Any of it may be lost, repeated or late. */
export type Broadcast = {
  readonly publish: (topic: string, text: string) => void;
  /** Calls back with what any node publishes on a topic, this one too. */
  readonly subscribe: (topic: string, hear: (text: string) => void) => void;
};
