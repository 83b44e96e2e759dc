import { type Static, Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import { strict } from './schemas.ts';

const Check = strict({
  name: Type.String({ examples: ['log'] }),
  ok: Type.Boolean(),
  message: Type.Optional(Type.String()),
});
export type Check = Static<typeof Check>;

const Readiness = strict({
  status: Type.Union([Type.Literal('ready'), Type.Literal('not ready')]),
  checks: Type.Array(Check),
});

export function healthHttp(checks: () => Promise<Check[]>) {
  return new Elysia({ name: 'http.health', tags: ['Operations'] })
    .get('/health', () => ({ status: 'ok' as const }), {
      response: { 200: strict({ status: Type.Literal('ok') }) },
      detail: { summary: 'Alive', security: [] },
    })
    .get(
      '/ready',
      async ({ set, status }) => {
        const results = await checks();
        if (results.every(({ ok }) => ok)) return { status: 'ready' as const, checks: results };
        set.headers['retry-after'] = '1';
        return status(503, { status: 'not ready' as const, checks: results });
      },
      {
        response: { 200: Readiness, 503: Readiness },
        detail: { summary: 'Able to serve', security: [] },
      },
    );
}
