// Every request gets an id on its way in; on its way out it is counted, and a line in the log tells of it.
import { Elysia } from 'elysia';
import type { Logger } from 'pino';
import { callerOf } from './access.ts';
import type { Addresses } from './addresses.ts';
import type { Audit } from './audit.ts';
import { pathOf } from './paths.ts';
import { requestIdHeader, type Set } from './problem.ts';

const printable = /^[\u0021-\u007e]{1,128}$/;

type Timed = Set & { startedAt?: number };

/** @param route The pattern of the route; undefined where none was found. */
export type CountRequest = (
  method: string,
  route: string | undefined,
  answer: { readonly status: number; readonly seconds: number },
) => void;

type Parts = {
  readonly logger: Logger;
  readonly newId: () => string;
  readonly count: CountRequest;
  readonly addresses: Pick<Addresses, 'note'>;
  readonly audit: Pick<Audit, 'answered'>;
};

export function requestLog({ logger, newId, count, addresses, audit }: Parts) {
  // Defects are logged where they are caught; a level that shows no requests pays for none.
  const isLogged = logger.isLevelEnabled('info');
  return new Elysia({ name: 'requests' })
    .onRequest(({ request, set, server }) => {
      addresses.note(request, server);
      const given = request.headers.get(requestIdHeader);
      set.headers[requestIdHeader] = given !== null && printable.test(given) ? given : newId();
      (set as Timed).startedAt = performance.now();
    })
    .onAfterResponse({ as: 'global' }, ({ request, set, route, response }) => {
      const status = response instanceof Response ? response.status : Number(set.status ?? 200);
      const ms = performance.now() - (set as Timed).startedAt!;
      count(request.method, route, { status, seconds: ms / 1_000 });
      audit.answered({ request, set: set as Set, route, status });
      if (isLogged) log(request, set as Set, { status, ms });
    });

  function log(request: Request, set: Set, { status, ms }: { status: number; ms: number }) {
    const level = levelOf(request.method, status);
    if (!logger.isLevelEnabled(level)) return;
    logger[level](
      {
        requestId: set.headers[requestIdHeader],
        method: request.method,
        path: pathOf(request),
        status,
        userId: callerOf(request)?.id,
        ms: Math.round(ms * 100) / 100,
      },
      'request',
    );
  }
}

/** Reads that succeed are the noise of a healthy system. */
function levelOf(method: string, status: number): 'debug' | 'info' | 'error' {
  if (status >= 500) return 'error';
  return status < 400 && method === 'GET' ? 'debug' : 'info';
}
