// The connection to Redis, which is never needed to answer. It is asked only while it is known to be
// well: the first failure or time-out sends it away, from then on nobody waits for it, and it is
// back when it answers a ping. So one that is dead, frozen or flapping costs those a time-out who
// were waiting when it began, and nobody else anything.
import { Redis, type RedisOptions } from 'ioredis';

const answerMsMaxUsual = 100;
const probeMs = 250;
/** A server that answers nothing for so long may sit behind a connection that is dead without a word. */
const probesUntilReconnect = 20;
const reconnectMsMax = 1_000;
/** Whoever goes away again before that has passed is left alone for longer each time. */
const steadyMs = 10_000;
const pauseMsMax = 4_000;

export type RedisState = { readonly isUp: boolean; readonly reason?: string };

type Run<Answer> = (key: string, ...values: (string | number)[]) => Promise<Answer>;
export type Script<Answer> = (...of: Parameters<Run<Answer>>) => Promise<Answer | undefined>;

export type RedisConnection = ReturnType<typeof openRedis>;

/**
 * Connects in the background and for ever; nothing here throws because Redis is away.
 * @param onState Called once for each change.
 * @param answerMsMax How long those wait who ask when it falls silent.
 */
export function openRedis(
  url: string,
  onState: (state: RedisState) => void,
  answerMsMax = answerMsMaxUsual,
) {
  const redis = new Redis(url, {
    ...options,
    commandTimeout: answerMsMax,
    enableOfflineQueue: false,
    enableAutoPipelining: true,
    maxRetriesPerRequest: 0,
  });
  let state: RedisState | undefined;
  let lastError: Error | undefined;
  let failedProbes = 0;
  let upSince = 0;
  let pauseMs = 0;
  let pauseUntil = 0;
  let isClosed = false;
  let scripts = 0;

  function become(next: RedisState) {
    if (isClosed || next.isUp === state?.isUp) return;
    state = next;
    onState(next);
  }

  function away(error: unknown) {
    if (state?.isUp) {
      const now = performance.now();
      const isSteady = now - upSince > steadyMs;
      pauseMs = isSteady ? 0 : Math.min(Math.max(probeMs, 2 * pauseMs), pauseMsMax);
      pauseUntil = now + pauseMs;
    }
    become({ isUp: false, reason: reasonOf(error) });
  }

  async function probe() {
    if (state?.isUp || redis.status !== 'ready' || performance.now() < pauseUntil) return;
    try {
      await redis.ping();
      failedProbes = 0;
      upSince = performance.now();
      become({ isUp: true });
    } catch (error) {
      lastError = error as Error;
      failedProbes += 1;
      if (failedProbes % probesUntilReconnect === 0) redis.disconnect(true);
    }
  }

  redis.on('error', (error: Error) => {
    lastError = error;
  });
  redis.on('close', () => away(lastError ?? new Error('the connection was closed')));
  redis.on('ready', () => void probe());
  const probing = setInterval(() => void probe(), probeMs);
  probing.unref();

  /** What Redis answers; undefined when it is away, or goes away over this. */
  async function ask<Answer>(
    question: (redis: Redis) => Promise<Answer>,
  ): Promise<Answer | undefined> {
    if (!state?.isUp) return undefined;
    try {
      return await question(redis);
    } catch (error) {
      away(error);
      return undefined;
    }
  }

  return {
    state: (): RedisState => state ?? { isUp: false, reason: 'not connected yet' },

    ask,

    /** A Lua script on one key, sent as a whole once a connection. */
    script<Answer>(lua: string): Script<Answer> {
      const name = `script${(scripts += 1)}`;
      redis.defineCommand(name, { lua, numberOfKeys: 1 });
      const { [name]: run } = redis as unknown as Record<string, Run<Answer>>;
      return (key, ...values) => ask(() => run!.call(redis, key, ...values));
    },

    /** A connection of its own that only listens: it comes back, and asks again for what it listens to. */
    listener(): Redis {
      const listener = new Redis(url, { ...options, maxRetriesPerRequest: null });
      listener.on('error', (error: Error) => {
        lastError = error;
      });
      return listener;
    },

    /** What was asked before is sent, if Redis takes it. */
    async close() {
      clearInterval(probing);
      await new Promise<void>((resolve) => setImmediate(resolve));
      if (state?.isUp) await redis.ping().catch(away);
      isClosed = true;
      redis.disconnect();
    },
  };
}

const options = {
  connectTimeout: 1_000,
  keepAlive: 5_000,
  retryStrategy: (attempt: number) => Math.min(50 * 2 ** Math.min(attempt, 10), reconnectMsMax),
  /** One that was the primary server and no longer is: its name leads to the new one. */
  reconnectOnError: ({ message }: Error) => message.startsWith('READONLY'),
} satisfies RedisOptions;

function reasonOf(error: unknown): string {
  const { message, code } = error as { message?: string; code?: string };
  return message || code || String(error);
}
