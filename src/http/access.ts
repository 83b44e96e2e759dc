// Who is calling. The check runs before validation, though after the body is parsed: a stranger learns
// that a body is no JSON, and nothing of what a route wants.
import { Elysia, status } from 'elysia';
import type { Recent } from '../auth/recent.ts';
import type { RecentRoles } from '../auth/recent-roles.ts';
import type { Sessions } from '../auth/sessions.ts';
import type { Caller } from '../commands/caller.ts';
import type { Role } from '../events/users.ts';
import { queryOf } from './paths.ts';
import { EdgeRefusal, problem, problems, type Set } from './problem.ts';
import type { Tickets } from '../auth/tickets.ts';
import type { Claims, Tokens } from './tokens.ts';

export type User = Caller & {
  readonly sessionId: string;
  /** When the access token expires, in seconds since 1970. */
  readonly expiresAt: number;
};

export type AccessParts = {
  readonly tokens: Tokens;
  readonly sessions: Sessions;
  readonly tickets: Pick<Tickets<User>, 'use'>;
  /** Roles that changed while tokens with the old one may still be unexpired. */
  readonly recentRoles: Pick<RecentRoles<Role>, 'of'>;
  /** Who was erased while tokens of theirs may still be unexpired. */
  readonly recentlyErased: Pick<Recent<true>, 'get'>;
  /**
   * Undefined while it is known whom other nodes have signed out, or given another role; else whether it can
   * be found out.
   */
  readonly known?: () => Promise<boolean> | undefined;
};

const ranks: Record<Role, number> = { user: 0, moderator: 1, admin: 2 };
const callers = new WeakMap<Request, User>();
/** The scheme's name has no case (RFC 9110, 11.1). */
const bearer = /^bearer +/i;

/** The signed-in caller of a request that passed the check; undefined for others. */
export function callerOf(request: Request): User | undefined {
  return callers.get(request);
}

export type Access = ReturnType<typeof createAccess>;

export function createAccess(parts: AccessParts) {
  const { tokens, sessions, tickets, recentRoles, recentlyErased } = parts;
  const { known = () => undefined } = parts;

  async function identify(request: Request): Promise<User | undefined> {
    const token = bearerToken(request);
    if (token === undefined) return undefined;
    return toUser(tokens.known(token) ?? (await tokens.verify(token)));
  }

  /** The caller with a token that was verified before: the usual case, and nothing to wait for. */
  function recognise(request: Request): User | undefined {
    const token = bearerToken(request);
    return token === undefined ? undefined : toUser(tokens.known(token));
  }

  function toUser(claims: Claims | undefined): User | undefined {
    if (!claims) return undefined;
    const { sub, sid, role, exp } = claims;
    if (sessions.hasEnded(sid) || recentlyErased.get(sub)) return undefined;
    return { id: sub, sessionId: sid, role: recentRoles.of(sub) ?? role, expiresAt: exp };
  }

  /** By header where one can be set; else by a ticket or an access token in the address, or a subprotocol. */
  async function identifyFollower(request: Request): Promise<User | undefined> {
    if (request.headers.has('authorization')) return identify(request);
    const token = subprotocolToken(request) ?? queryOf(request).get('token');
    if (!token) return undefined;
    const ticketed = await tickets.use(token);
    if (ticketed) return mayGoOn(ticketed) ? ticketed : undefined;
    return toUser(tokens.known(token) ?? (await tokens.verify(token)));
  }

  /** Whether what a user has opened may stay open: as whom they were, with the role they had. */
  function mayGoOn({ id, sessionId, role, expiresAt }: User): boolean {
    if (sessions.hasEnded(sessionId) || recentlyErased.get(id)) return false;
    if (expiresAt * 1_000 <= Date.now()) return false;
    return ranks[recentRoles.of(id) ?? role] >= ranks[role];
  }

  /** @throws EdgeRefusal 503 while it cannot be known whom other nodes have signed out. */
  async function upToDate(finding: Promise<boolean>): Promise<void> {
    if (await finding) return;
    const message = 'Who is signed in cannot be found out at the moment.';
    throw new EdgeRefusal(503, 'UNAVAILABLE', message, { 'retry-after': '1' });
  }

  function admit(user: User | undefined, request: Request, set: Set, least: Role): void {
    if (!user) {
      set.headers['www-authenticate'] = 'Bearer';
      throw status(401, problem(set, 'UNAUTHORIZED', 'Sign in first.'));
    }
    if (ranks[user.role] < ranks[least]) {
      throw status(403, problem(set, 'FORBIDDEN', 'Your role does not allow this.'));
    }
    callers.set(request, user);
  }

  const security = [{ bearerAuth: [] }];
  const plugin = new Elysia({ name: 'access' }).macro({
    /** Any signed-in user; the handler gets a typed `user`. */
    isAuthenticated: {
      detail: { security },
      response: problems(401),
      async transform({ request, set }) {
        const finding = known();
        if (finding) await upToDate(finding);
        admit(recognise(request) ?? (await identify(request)), request, set, 'user');
      },
      resolve: ({ request }) => ({ user: callers.get(request)! }),
    },
    /** Like `isAuthenticated`, for streams: browsers cannot set a header when they open one. */
    mayFollow: {
      detail: { security },
      response: problems(401),
      async transform({ request, set }) {
        const finding = known();
        if (finding) await upToDate(finding);
        admit(await identifyFollower(request), request, set, 'user');
      },
      resolve: ({ request }) => ({ user: callers.get(request)! }),
    },
    /** A signed-in user of at least this role. */
    requireRole: (least: Role) => ({
      detail: { security: [{ bearerAuth: [least] }] },
      response: problems(401, 403),
      async transform({ request, set }) {
        const finding = known();
        if (finding) await upToDate(finding);
        admit(recognise(request) ?? (await identify(request)), request, set, least);
      },
      resolve: ({ request }) => ({ user: callers.get(request)! }),
    }),
  });
  return Object.assign(plugin, { identify, mayGoOn, known });
}

/** Browsers can send a token with a WebSocket only as if it were a protocol: `bearer, <token>`. */
function subprotocolToken(request: Request): string | undefined {
  const offered = request.headers.get('sec-websocket-protocol') ?? '';
  return /^\s*bearer\s*,\s*([^\s,]+)/i.exec(offered)?.[1];
}

function bearerToken(request: Request): string | undefined {
  const header = request.headers.get('authorization') ?? '';
  const token = header.replace(bearer, '');
  return token === header ? undefined : token;
}
