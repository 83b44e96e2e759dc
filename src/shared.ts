// What the nodes of a deployment share through Redis, or of that what their database can do without it.
import type { Logger } from 'pino';
import { type CachedSideParts, openCachedSide } from './cache.ts';
import type { Config } from './config.ts';
import type { Check } from './http/health.ts';
import type { SharedCounts } from './http/sliding-window.ts';
import type { AnswerCache } from './kernel/cached-reads.ts';
import type { Broadcast } from './kernel/broadcast.ts';
import type { Append } from './kernel/event-log.ts';
import { alone, type Presence } from './kernel/presence.ts';
import type { Position } from './kernel/stream.ts';
import type { NewId } from './kernel/time.ts';
import { createPresence } from './storage/presence.ts';
import { createRedisBroadcast } from './storage/redis/broadcast.ts';
import { createRedisCache } from './storage/redis/cache.ts';
import { openRedis, type RedisConnection, type RedisState } from './storage/redis/connection.ts';
import { deploymentPrefix } from './storage/redis/prefix.ts';
import { createSharedCounts } from './storage/redis/rate-limit.ts';
import { createSharedWakeUp } from './storage/shared-wake-up.ts';

type SharedSideParts = CachedSideParts & {
  readonly config: Pick<Config, 'redisUrl' | 'cachesAnswers'>;
  readonly digest: (kind: string, value: string) => string;
  readonly newId: NewId;
  /** By which nodes reach each other without Redis. */
  readonly broadcast?: Broadcast | undefined;
  /** Another node has committed something, as far as a hint can tell. */
  readonly wake: () => void;
};

export type SharedSide = ReturnType<typeof openSharedSide>;

/** Nothing is asked of the log, and nobody is woken, before `start`. */
export function openSharedSide(given: SharedSideParts) {
  const { config, digest, newId, wake, broadcast, ...parts } = given;
  const { redisUrl, cachesAnswers } = config;
  let isStarted = false;
  const wakeAll = () => {
    if (isStarted) wake();
  };
  const nodes =
    redisUrl === undefined ? withoutRedis(broadcast, newId) : openNodes(redisUrl, wakeAll);
  const cached = openCachedSide(cachesAnswers ? nodes.cache : undefined, parts);

  function openNodes(url: string, wake: () => void): Nodes {
    const redis = openRedis(url, reportTo(parts.logger));
    return nodesIn(redis, { prefix: deploymentPrefix(digest), nodeId: newId(), wake });
  }

  return {
    checks: nodes.checks,
    presence: nodes.presence,
    counts: nodes.counts,
    queries: cached.queries,
    answers: cached.counts,
    start() {
      isStarted = true;
      cached.start();
    },
    /** Another node may have committed something. */
    wake: cached.wake,
    /** This node has committed these, up to `head`. */
    appended(appends: readonly Append[], head: Position): void {
      nodes.signal();
      cached.appended(appends, head);
    },
    async stop(): Promise<void> {
      await cached.stop();
      await nodes.close();
    },
  };
}

type Nodes = {
  readonly checks: readonly (() => Check)[];
  readonly presence: Presence;
  readonly cache?: AnswerCache;
  /** Undefined: each node counts for itself. */
  readonly counts?: (name: string, windowMs: number) => SharedCounts;
  readonly signal: () => void;
  readonly close: () => Promise<void>;
};

const onItsOwn: Nodes = { checks: [], presence: alone, signal: () => {}, close: async () => {} };

/** Who is where; each node counts for itself, and reads rows. */
function withoutRedis(broadcast: Broadcast | undefined, newId: NewId): Nodes {
  if (!broadcast) return onItsOwn;
  const presence = createPresence(broadcast, newId());
  return { ...onItsOwn, presence, close: async () => presence.close() };
}

type Place = { readonly prefix: string; readonly nodeId: string; readonly wake: () => void };

function nodesIn(redis: RedisConnection, { prefix, nodeId, wake }: Place): Nodes {
  const broadcast = createRedisBroadcast(redis, prefix);
  const presence = createPresence(broadcast, nodeId);
  const wakeUp = createSharedWakeUp(broadcast, nodeId, wake);
  return {
    checks: [() => check(redis.state())],
    presence,
    cache: createRedisCache(redis, prefix),
    counts: (name, windowMs) => createSharedCounts(redis, `${prefix}:${name}`, windowMs),
    signal: wakeUp.signal,
    async close() {
      wakeUp.close();
      presence.close();
      await redis.close();
      broadcast.close();
    },
  };
}
/** Its loss costs no answer, so that it never makes a node unready. */
const check = ({ isUp, reason }: RedisState): Check =>
  isUp ? { name: 'redis', ok: true } : { name: 'redis', ok: true, message: `away: ${reason}` };

function reportTo(logger: Logger) {
  return ({ isUp, reason }: RedisState) =>
    isUp
      ? logger.info('Redis is here')
      : logger.warn({ reason }, 'Redis is away; each node goes on by itself until it is back');
}
