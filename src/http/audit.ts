// Who came in, who was refused, and what was done with rights over others: a line each in the log, beside
// the events that are facts of the domain. Lines are made here from what was answered, so that no route can
// forget its own.
import type { Logger } from 'pino';
import { callerOf } from './access.ts';
import type { Addresses } from './addresses.ts';
import { pathOf } from './paths.ts';
import { requestIdHeader, type Set } from './problem.ts';

/** By method and pattern of the route; what is not here is told of only where it is refused, or an admin's. */
const actions: Readonly<Record<string, string>> = {
  'POST /auth/register': 'registration',
  'POST /auth/login': 'sign-in',
  'POST /auth/refresh': 'refresh',
  'POST /auth/logout': 'sign-out',
  'POST /profile/password': 'password-change',
  'DELETE /profile/sessions/:id': 'session-end',
  'DELETE /profile': 'erasure',
  'DELETE /admin/users/:id': 'erasure',
};
const refusals = new Set([401, 403, 429]);

export type Audited = {
  readonly request: Request;
  readonly set: Set;
  readonly route: string | undefined;
  readonly status: number;
};

type Noted = { readonly accountId?: string | undefined; readonly action?: string };

export type Audit = ReturnType<typeof createAudit>;

/** Told at any level of the log but `silent`: whoever wants fewer lines does not mean these. */
export function createAudit(logger: Logger, addresses: Pick<Addresses, 'of'>) {
  const isSilent = logger.level === 'silent';
  const lines = logger.child({}, { level: isSilent ? 'silent' : 'info' });
  const noted = new WeakMap<Request, Noted>();

  return {
    /** Whose account a request is about where nobody is signed in, and what it turned out to be. */
    note(request: Request, what: Noted): void {
      noted.set(request, { ...noted.get(request), ...what });
    },

    answered({ request, set, route, status }: Audited): void {
      if (isSilent) return;
      const action = actionOf(request.method, route, status);
      if (action === undefined) return;
      const { accountId, action: narrower = action } = noted.get(request) ?? {};
      const outcome = outcomeOf(status);
      lines.info(
        {
          audit: narrower,
          outcome,
          status,
          // Whoever could sign in to an account is its owner; whoever could not may be anybody.
          actorId: callerOf(request)?.id ?? (outcome === 'done' ? accountId : undefined),
          accountId,
          address: addresses.of(request),
          method: request.method,
          path: pathOf(request),
          requestId: set.headers[requestIdHeader],
        },
        'audit',
      );
    },
  };
}

function actionOf(method: string, route: string | undefined, status: number): string | undefined {
  const named = actions[`${method} ${route}`];
  if (named !== undefined) return named;
  if (route?.startsWith('/admin/') && method !== 'GET') return 'admin-act';
  return refusals.has(status) ? 'refusal' : undefined;
}

function outcomeOf(status: number): 'done' | 'refused' | 'failed' {
  if (status < 400) return 'done';
  return status < 500 ? 'refused' : 'failed';
}
