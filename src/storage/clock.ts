import type { Clock } from '../kernel/time.ts';

let milliseconds = 0;
let text = '';

export const systemClock: Clock = {
  /** Many events share a millisecond, and writing it out costs as much as hashing one of them. */
  now() {
    const now = Date.now();
    if (now !== milliseconds) {
      milliseconds = now;
      text = new Date(now).toISOString();
    }
    return text;
  },
  sleep: (ms) => Bun.sleep(ms),
};
