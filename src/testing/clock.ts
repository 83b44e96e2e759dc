import type { Clock, NewId } from '../kernel/time.ts';

/** A clock that stands still until it is moved. Sleeping takes no time: it moves the clock. */
export function steerableClock(start = '2026-01-01T00:00:00.000Z') {
  let now = Date.parse(start);
  const slept: number[] = [];
  return {
    now: () => new Date(now).toISOString(),
    sleep: async (ms) => {
      slept.push(ms);
      now += ms;
    },
    /** Forwards, or with a negative number backwards. */
    move(ms: number) {
      now += ms;
    },
    slept: slept as readonly number[],
  } satisfies Clock & Record<string, unknown>;
}

/** Ids in the form of UUIDs, in a fixed order. */
export function countingIds(): NewId {
  let last = 0;
  return () => {
    last += 1;
    return `00000000-0000-7000-8000-${String(last).padStart(12, '0')}`;
  };
}
