// Every request gets an id on its way in and a line in the log on its way out.
import { Elysia } from 'elysia';
import type { Logger } from 'pino';
import { callerOf } from './access.ts';
import { requestIdHeader } from './problem.ts';

const printable = /^[\u0021-\u007e]{1,128}$/;
const startedAt = new WeakMap<Request, number>();

export function requestLog(logger: Logger, newId: () => string) {
  const identified = new Elysia({ name: 'requests' }).onRequest(({ request, set }) => {
    const given = request.headers.get(requestIdHeader);
    set.headers[requestIdHeader] = given !== null && printable.test(given) ? given : newId();
  });
  // Defects are logged where they are caught; a level that shows no requests pays for none.
  if (!logger.isLevelEnabled('info')) return identified;
  return identified
    .onRequest(({ request }) => void startedAt.set(request, performance.now()))
    .onAfterResponse({ as: 'global' }, ({ request, set }) => {
      const status = Number(set.status ?? 200);
      const level = levelOf(request.method, status);
      if (!logger.isLevelEnabled(level)) return;
      logger[level](
        {
          requestId: set.headers[requestIdHeader],
          method: request.method,
          path: pathOf(request),
          status,
          userId: callerOf(request)?.id,
          ms: Math.round((performance.now() - (startedAt.get(request) ?? 0)) * 100) / 100,
        },
        'request',
      );
    });
}

/** The path as it was sent; Elysia's is wrong after a very short or malformed `Host`. */
export function pathOf({ url }: Request): string {
  return /^(?:[a-z]+:\/\/[^/?#]*)?([^?#]*)/.exec(url)?.[1] || '/';
}

/** Reads that succeed are the noise of a healthy system. */
function levelOf(method: string, status: number): 'debug' | 'info' | 'error' {
  if (status >= 500) return 'error';
  return status < 400 && method === 'GET' ? 'debug' : 'info';
}
