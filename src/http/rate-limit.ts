// elysia-rate-limit before whatever is worth guessing at or expensive, over a store of ours.
import { Elysia } from 'elysia';
import { type Context, rateLimit } from 'elysia-rate-limit';
import { callerOf } from './access.ts';
import type { Addresses } from './addresses.ts';
import { createAttempts } from './password-attempts.ts';
import { problem, type Set } from './problem.ts';
import { type SharedCounts, slidingWindow, windowMs } from './sliding-window.ts';

const refusal = 'rate-limited';
/** Many people may share a network; together they may do as much as so many of them. */
const accountsANetwork = 10;

export type Limits = ReturnType<typeof createLimits>;
/** `streams` and `messages` are refused by what is opened and sent, see `events.ts` and `chat-socket.ts`. */
export type LimitName = 'auth' | 'passwords' | 'commands' | 'streams' | 'messages';

type LimitParts = {
  /** Requests a minute, and wrong passwords of one account; 0 for no limit. */
  readonly limits: Readonly<Record<'auth' | 'passwords' | 'commands', number>>;
  readonly addresses: Addresses;
  /** Called for each request that is refused. */
  readonly refused: (limit: LimitName) => void;
  /** The counts of all nodes for a limit and a window; without them each counts alone. */
  readonly shared?: ((name: string, windowMs: number) => SharedCounts) | undefined;
};

export function createLimits({ limits, addresses, refused, shared }: LimitParts) {
  const windowOf = (name: string, max?: number) =>
    slidingWindow(shared?.(`limits.${name}`, windowMs), max);
  return {
    /** By network: whoever guesses has no account. */
    auth: limiter('auth', { max: limits.auth, refused, window: windowOf('auth') }, (request) =>
      addresses.networkOf(request),
    ),
    /** By account, wherever the guesses come from. */
    passwords: createAttempts(limits.passwords, windowOf('passwords', limits.passwords), () =>
      refused('passwords'),
    ),
    /** By user and by network. */
    commands: limiter(
      'commands',
      { max: limits.commands, refused, window: byBoth(windowOf('commands'), windowOf('networks')) },
      (request) => bothOf(callerOf(request)?.id ?? '', addresses.networkOf(request)),
    ),
  };
}

type Limit = Pick<LimitParts, 'refused'> & { readonly max: number; readonly window: Context };

function limiter(
  limit: LimitName,
  { max, refused, window }: Limit,
  generator: (request: Request) => string,
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
        context: window,
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

const bothOf = (account: string, network: string) => `${account} ${network}`;

/** Counts a request for its account and for its network, and answers what is nearer to its limit. */
function byBoth(accounts: Context, networks: Context): Context {
  const parted = (key: string) => key.split(' ') as [account: string, network: string];
  return {
    init(options) {
      accounts.init(options);
      networks.init({ ...options, max: Number(options.max) * accountsANetwork });
    },
    async increment(key, ...when) {
      const [account, network] = parted(key);
      const [own, all] = await Promise.all([
        accounts.increment(account, ...when),
        networks.increment(network, ...when),
      ]);
      const share = { ...all, count: Math.ceil(all.count / accountsANetwork) };
      return share.count > own.count ? share : own;
    },
    async decrement(key) {
      const [account, network] = parted(key);
      await Promise.all([accounts.decrement(account), networks.decrement(network)]);
    },
    async reset(key) {
      const [account, network] = key === undefined ? [] : parted(key);
      await Promise.all([accounts.reset(account), networks.reset(network)]);
    },
    async kill() {
      await Promise.all([accounts.kill(), networks.kill()]);
    },
  };
}
