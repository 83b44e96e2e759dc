// elysia-rate-limit before whatever is worth guessing at or expensive, over a store of ours that
// counts in a sliding window: the previous minute counts by the part of it that still overlaps.
import { Elysia } from 'elysia';
import { type Context, rateLimit } from 'elysia-rate-limit';
import { LRUCache } from 'lru-cache';
import { callerOf } from './access.ts';
import { problem, type Set } from './problem.ts';

const windowMs = 60_000;
const keysRemembered = 100_000;
const refusal = 'rate-limited';

type Count = { window: number; current: number; previous: number };

/** Counts of all nodes together; nothing is answered while they cannot be had. */
export type SharedCounts = {
  readonly add: (
    key: string,
    by: 1 | -1,
  ) => Promise<
    { readonly current: number; readonly previous: number; readonly elapsedMs: number } | undefined
  >;
  readonly forget: (key: string) => Promise<void>;
};

export type Limits = ReturnType<typeof createLimits>;
/** `streams` and `messages` are refused by what is opened and sent, see `events.ts` and `chat-socket.ts`. */
export type LimitName = 'auth' | 'commands' | 'streams' | 'messages';

type Refused = (limit: LimitName) => void;

/**
 * @param limits Requests a minute; 0 for no limit.
 * @param refused Called for each request that is refused.
 * @param shared The counts of all nodes for a limit and a window; without them each counts alone.
 */
export function createLimits(
  limits: { readonly auth: number; readonly commands: number },
  refused: Refused,
  shared?: (name: string, windowMs: number) => SharedCounts,
) {
  const windowOf = (name: string) => slidingWindow(shared?.(name, windowMs));
  return {
    /** By network address: whoever guesses has no account. */
    auth: limiter(
      'auth',
      { max: limits.auth, refused, windowOf },
      (request, server) => server?.requestIP(request)?.address ?? '',
    ),
    /** By user, or by network address where nobody is signed in. */
    commands: limiter(
      'commands',
      { max: limits.commands, refused, windowOf },
      (request, server) => callerOf(request)?.id ?? server?.requestIP(request)?.address ?? '',
    ),
  };
}

type Limit = {
  readonly max: number;
  readonly refused: Refused;
  readonly windowOf: (name: string) => Context;
};

function limiter(
  limit: LimitName,
  { max, refused, windowOf }: Limit,
  generator: (request: Request, server: Bun.Server<unknown> | null) => string,
) {
  const name = `limits.${limit}`;
  const plugin = new Elysia({ name });
  if (max === 0) return plugin;
  return plugin
    .use(
      rateLimit({
        max,
        // Two limits of the same size are told apart by the library through their durations.
        duration: windowMs + name.length,
        scoping: 'scoped',
        countFailedRequest: true,
        errorResponse: refusal,
        generator,
        context: windowOf(name),
      }),
    )
    .onAfterHandle({ as: 'scoped' }, ({ response, set }) => {
      if (response !== refusal) return;
      refused(limit);
      return limited(set);
    })
    .as('scoped');
}

function limited(set: Set): Response {
  const body = problem(set, 'RATE_LIMITED', 'Too many requests. Try again later.');
  return Response.json(body, { status: 429, headers: set.headers as Record<string, string> });
}

/**
 * Sliding-window counter: two counters a key, bounded in keys. This node always counts for itself; where
 * all count together the greater number is what counts, so that nobody gains by what Redis has forgotten.
 */
export function slidingWindow(shared?: SharedCounts): Context {
  const counts = new LRUCache<string, Count>({ max: keysRemembered });
  let max = Number.POSITIVE_INFINITY;

  function countHere(key: string, now: number) {
    const window = Math.floor(now / windowMs);
    const count = advance(counts.get(key), window);
    count.current += 1;
    counts.set(key, count);
    return weigh(count, now, now % windowMs);
  }

  function weigh(count: Omit<Count, 'window'>, now: number, elapsedMs: number) {
    const { current, previous } = count;
    const start = now - elapsedMs;
    return {
      count: Math.floor(current + previous * (1 - elapsedMs / windowMs)),
      nextReset: new Date(start + roomAfter(count, max) * windowMs),
      start,
    };
  }

  async function countEverywhere(here: ReturnType<typeof weigh>, key: string, now: number) {
    const count = await shared?.add(key, 1);
    const everywhere = count && weigh(count, now, count.elapsedMs);
    return everywhere && everywhere.count >= here.count ? everywhere : here;
  }

  return {
    init(options) {
      if (typeof options.max === 'number') max = options.max;
    },
    increment(key, _duration, now = Date.now()) {
      const here = countHere(key, now);
      return shared ? countEverywhere(here, key, now) : here;
    },
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
