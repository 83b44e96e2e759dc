// Requests counted for all nodes together: two windows a key, by the clock of Redis, in one step.
import type { RedisConnection } from './connection.ts';

/** The counts of the present window and the one before it. */
export type SharedCount = {
  readonly current: number;
  readonly previous: number;
  /** How far the present window has gone by the clock of Redis, in milliseconds. */
  readonly elapsedMs: number;
};

export type SharedCounts = {
  /** Counts `by` more, with 0 none; undefined while Redis is away. */
  readonly add: (key: string, by: 1 | 0 | -1) => Promise<SharedCount | undefined>;
  readonly forget: (key: string) => Promise<void>;
};

/** A clock that goes back, as after a failover, does not begin a window again. */
const lua = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local size = tonumber(ARGV[1])
local window = math.floor(now / size)
local stored = redis.call('HMGET', KEYS[1], 'window', 'current', 'previous')
local last = tonumber(stored[1]) or window
local current = tonumber(stored[2]) or 0
local previous = tonumber(stored[3]) or 0
if window == last + 1 then current, previous = 0, current end
if window > last + 1 then current, previous = 0, 0 end
if window < last then window = last end
current = math.max(0, current + tonumber(ARGV[2]))
redis.call('HSET', KEYS[1], 'window', window, 'current', current, 'previous', previous)
redis.call('PEXPIRE', KEYS[1], 2 * size)
return {current, previous, math.max(0, now - window * size)}
`;

/** @param prefix Before the name of each key: one for each deployment and limit. */
export function createSharedCounts(
  { ask, script }: Pick<RedisConnection, 'ask' | 'script'>,
  prefix: string,
  windowMs: number,
): SharedCounts {
  const count = script<[number, number, number]>(lua);
  const place = (key: string) => `${prefix}:${key}`;
  return {
    async add(key, by) {
      const counts = await count(place(key), windowMs, by);
      if (counts === undefined) return undefined;
      const [current, previous, elapsedMs] = counts;
      return { current, previous, elapsedMs };
    },
    async forget(key) {
      await ask((redis) => redis.del(place(key)));
    },
  };
}
