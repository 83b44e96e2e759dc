// Counts in a sliding window: the previous minute counts by the part of it that still overlaps.
import type { Context } from 'elysia-rate-limit';
import { LRUCache } from 'lru-cache';

export const windowMs = 60_000;
const keysRemembered = 100_000;

type Count = { window: number; current: number; previous: number };
type Counted = { readonly count: number; readonly nextReset: Date; readonly start: number };

/** Counts of all nodes together; nothing is answered while they cannot be had. */
export type SharedCounts = {
  /** @param by 0 to look only. */
  readonly add: (
    key: string,
    by: 1 | 0 | -1,
  ) => Promise<
    { readonly current: number; readonly previous: number; readonly elapsedMs: number } | undefined
  >;
  readonly forget: (key: string) => Promise<void>;
};

export type SlidingWindow = Context & {
  /** What counts for a key now, without one more. */
  readonly look: (key: string) => Counted | Promise<Counted>;
};

/**
 * Two counters a key, bounded in keys. This node always counts for itself; where all count together the
 * greater number is what counts, so that nobody gains by what Redis has forgotten.
 * @param max Until the rate limiter says how many it allows.
 */
export function slidingWindow(
  shared?: SharedCounts,
  max = Number.POSITIVE_INFINITY,
): SlidingWindow {
  const counts = new LRUCache<string, Count>({ max: keysRemembered });
  let allowed = max;

  function countHere(key: string, by: 1 | 0, now: number): Counted {
    const count = advance(counts.get(key), Math.floor(now / windowMs));
    count.current += by;
    if (by > 0) counts.set(key, count);
    return weigh(count, now, now % windowMs);
  }

  function weigh(count: Omit<Count, 'window'>, now: number, elapsedMs: number): Counted {
    const { current, previous } = count;
    const start = now - elapsedMs;
    return {
      count: Math.floor(current + previous * (1 - elapsedMs / windowMs)),
      nextReset: new Date(start + roomAfter(count, allowed) * windowMs),
      start,
    };
  }

  function count(key: string, by: 1 | 0, now: number) {
    const here = countHere(key, by, now);
    return shared ? countEverywhere(here, shared.add(key, by), now) : here;
  }

  async function countEverywhere(
    here: Counted,
    counting: ReturnType<SharedCounts['add']>,
    now: number,
  ) {
    const count = await counting;
    const everywhere = count && weigh(count, now, count.elapsedMs);
    return everywhere && everywhere.count >= here.count ? everywhere : here;
  }

  return {
    init(options) {
      if (typeof options.max === 'number') allowed = options.max;
    },
    increment: (key, _duration, now = Date.now()) => count(key, 1, now),
    look: (key) => count(key, 0, Date.now()),
    async decrement(key) {
      const count = counts.get(key);
      if (count && count.current > 0) count.current -= 1;
      await shared?.add(key, -1);
    },
    async reset(key) {
      if (key === undefined) return counts.clear();
      counts.delete(key);
      await shared?.forget(key);
    },
    kill: () => counts.clear(),
  };
}

/**
 * When there is room for one more request, in windows from the start of the present one: at its end,
 * or when enough of what counts has slid out.
 */
function roomAfter({ current, previous }: Omit<Count, 'window'>, max: number): number {
  const room = max - 1;
  if (current > room) return 2 - room / current;
  return current + previous > room && previous > 0
    ? Math.min(1, 1 - (room - current) / previous)
    : 1;
}

function advance(count: Count | undefined, window: number): Count {
  if (!count || window > count.window + 1) return { window, current: 0, previous: 0 };
  return count.window === window ? count : { window, current: 0, previous: count.current };
}
