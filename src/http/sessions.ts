import { type Static, Type } from '@sinclair/typebox';
import { Elysia, t } from 'elysia';
import type { ListedSession } from '../auth/sessions.ts';
import type { Edge } from './edge.ts';
import { limitMax, pageMax, PageOf, queryInteger, toPage } from './paging.ts';
import { problem, problems } from './problem.ts';
import { answer, Id, Time } from './schemas.ts';

const SessionId = t.Object({ id: Id });
const Window = t.Object(
  {
    page: t.Optional(queryInteger('page', { maximum: pageMax, default: 1 })),
    limit: t.Optional(queryInteger('limit', { maximum: limitMax, default: 20 })),
  },
  { additionalProperties: true },
);
const SessionView = answer({
  id: Id,
  createdAt: Time,
  lastUsedAt: Type.String({
    format: 'date-time',
    description: 'When it was last refreshed; requests in between leave no trace.',
  }),
  expiresAt: Type.String({ format: 'date-time', description: 'Unless it is refreshed before.' }),
  userAgent: Type.Union([Type.String(), Type.Null()], {
    description: 'The `User-Agent` at sign-in, at most 200 characters of it.',
    examples: ['Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'],
  }),
  current: Type.Boolean({ description: 'Whether it is the one that asks.' }),
});
type SessionView = Static<typeof SessionView>;

function sessionView(session: ListedSession, currentId: string): SessionView {
  const { id, startedAt: createdAt, usedAt: lastUsedAt, expiresAt } = session;
  const userAgent = session.startedWith;
  return { id, createdAt, lastUsedAt, expiresAt, userAgent, current: id === currentId };
}

export function sessionsHttp({ access, sessions, freshness, limits }: Edge) {
  return new Elysia({ name: 'http.sessions', prefix: '/profile/sessions', tags: ['Profile'] })
    .use(access)
    .get(
      '',
      async ({ query: { page = 1, limit = 20 }, request, user }) => {
        await freshness.read(request, user.id);
        const offset = (page - 1) * limit;
        const found = await sessions.of({ personId: user.id, limit, offset });
        const views = found.sessions.map((session) => sessionView(session, user.sessionId));
        return toPage(views, found.total, { page, limit });
      },
      {
        isAuthenticated: true,
        query: Window,
        response: { 200: PageOf(SessionView), ...problems(422, 503) },
        detail: { summary: 'Where you are signed in, the last used first' },
      },
    )
    .use(limits.commands)
    .delete(
      '/:id',
      async ({ params, set, status, user }) => {
        const hasEnded = await sessions.endOf(user.id, params.id);
        return hasEnded
          ? status(204, undefined)
          : status(404, problem(set, 'NOT_FOUND', 'You have no such session.'));
      },
      {
        isAuthenticated: true,
        params: SessionId,
        response: { 204: Type.Void(), ...problems(404, 422, 429, 503) },
        detail: { summary: 'End one of your sessions; its access tokens stop at once' },
      },
    );
}
