import type { Clock } from '../kernel/time.ts';

export const systemClock: Clock = {
  now: () => new Date().toISOString(),
  sleep: (ms) => Bun.sleep(ms),
};
