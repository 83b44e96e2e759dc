// Answers of the read models in Redis. They may be evicted, flushed or come back from an old copy at any
// time: whoever reads one judges whether it holds.
import type { AnswerCache, CachedAnswer } from '../../kernel/cached-reads.ts';
import type { Position } from '../../kernel/stream.ts';
import type { RedisConnection } from './connection.ts';

const expiryS = 3_600;

/** Text `position hash answer`. The position is compared where it lies, so that the newest stays. */
const setIfNewer = `
local cached = redis.call('GETRANGE', KEYS[1], 0, 16)
local position = tonumber(string.match(cached, '^%d+'))
if position and position >= tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. ARGV[2] .. ' ' .. ARGV[3], 'EX', ARGV[4])
return 1
`;

/** @param prefix Before the name of each key: one for each deployment. */
export function createRedisCache(
  { ask, script }: Pick<RedisConnection, 'ask' | 'script'>,
  prefix: string,
): AnswerCache {
  const put = script<number>(setIfNewer);
  const place = (key: string) => `${prefix}:answer:${key}`;
  return {
    async get(key) {
      const text = await ask((redis) => redis.get(place(key)));
      return text ? parse(text) : undefined;
    },
    has: async (key) => (await ask((redis) => redis.exists(place(key)))) === 1,
    async put(key, { position, hash, text }) {
      await put(place(key), position, hash, text, expiryS);
    },
  };
}

/** Undefined for what is not written as it is here. */
function parse(cached: string): CachedAnswer | undefined {
  const [, position, hash, text] = /^(\d{1,16}) ([0-9a-f]*) (.*)$/s.exec(cached) ?? [];
  if (position === undefined || hash === undefined || text === undefined) return undefined;
  return { position: Number(position) as Position, hash, text };
}
