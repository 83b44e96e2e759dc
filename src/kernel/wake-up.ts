/** A hint that the log has grown. Losing or repeating one changes latency only. */
export type WakeUp = {
  readonly signal: () => void;
  /** Resolves at the next signal (or at once when one came since the last wait), or after `ms`. */
  readonly wait: (ms: number) => Promise<void>;
};
