// Metrics are for operators. With a token whoever has it may read them, and nobody else, wherever they
// are: what a proxy on this machine passes on also comes from this machine. Without a token only callers
// on this machine may, and none that somebody has passed on.
import { createHash, timingSafeEqual } from 'node:crypto';
import { Type } from '@sinclair/typebox';
import { Elysia, t } from 'elysia';
import { EdgeRefusal, problems } from './problem.ts';

export type Metrics = {
  readonly render: () => Promise<{ readonly text: string; readonly contentType: string }>;
};

const loopback = /^(?:::1|(?:::ffff:)?127(?:\.\d{1,3}){3})$/i;
const passedOn = ['forwarded', 'via', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip'] as const;

/** The text format of Prometheus has no schema. */
const text = Type.Unsafe<Response>(
  t.NoValidate(
    Type.String({
      contentMediaType: 'text/plain',
      examples: ['# TYPE refold_log_head_position gauge\nrefold_log_head_position 7\n'],
    }),
  ),
);

/** @param token Undefined: there is none, and callers on this machine need none. */
export function metricsHttp({ render }: Metrics, token: string | undefined) {
  return new Elysia({ name: 'http.metrics', tags: ['Operations'] }).get(
    '/metrics',
    async ({ request, server }) => {
      admit(request, server?.requestIP(request)?.address ?? '', token);
      const { text, contentType } = await render();
      return new Response(text, { headers: { 'content-type': contentType } });
    },
    {
      response: { 200: text, ...problems(401, 403) },
      detail: { summary: 'What Prometheus asks for', security: [{ bearerAuth: [] }, {}] },
    },
  );
}

export const isOnThisMachine = (address: string) => loopback.test(address);

/** @throws EdgeRefusal */
function admit({ headers }: Request, address: string, token: string | undefined): void {
  if (token === undefined) {
    if (isOnThisMachine(address) && !passedOn.some((name) => headers.has(name))) return;
    throw new EdgeRefusal(403, 'FORBIDDEN', 'Metrics are for callers on the same machine.');
  }
  const given = /^bearer +([^ ].*)$/i.exec(headers.get('authorization') ?? '')?.[1];
  if (given !== undefined && isSame(token, given)) return;
  const wanted = { 'www-authenticate': 'Bearer' };
  throw new EdgeRefusal(401, 'UNAUTHORIZED', 'Send the token for metrics.', wanted);
}

/** Takes the same time wherever they differ, and whatever their lengths. */
function isSame(expected: string, given: string): boolean {
  return timingSafeEqual(digest(expected), digest(given));
}

const digest = (text: string) => createHash('sha256').update(text).digest();
