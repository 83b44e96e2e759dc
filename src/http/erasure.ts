import { Type } from '@sinclair/typebox';
import { Elysia, t } from 'elysia';
import { refusals } from './admin.ts';
import { accepted, contextOf, type Edge, ifVersion, stale } from './edge.ts';
import { problem, problems, type Set } from './problem.ts';
import { PathId } from './schemas.ts';

type Asked = {
  readonly userId: string;
  readonly actorId: string;
  readonly request: Request;
  readonly set: Set;
};

const response = { 204: Type.Void(), ...problems(404, 409, 412, 422, 429, 503) };

export function erasureHttp(edge: Edge) {
  const { access, limits } = edge;
  return new Elysia({ name: 'http.erasure' })
    .use(access)
    .use(limits.commands)
    .delete(
      '/profile',
      async ({ request, set, status, user }) => {
        const refused = await erase(edge, { userId: user.id, actorId: user.id, request, set });
        return refused ? status(refused.status, refused.problem) : status(204, undefined);
      },
      {
        isAuthenticated: true,
        response,
        detail: {
          tags: ['Profile'],
          summary: 'Erase yourself',
          description:
            'Your name, address and messages become unreadable, also in the log and for good; you are signed out everywhere. The address is free for somebody else.',
        },
      },
    )
    .delete(
      '/admin/users/:id',
      async ({ params, request, set, status, user }) => {
        const refused = await erase(edge, { userId: params.id, actorId: user.id, request, set });
        return refused ? status(refused.status, refused.problem) : status(204, undefined);
      },
      {
        requireRole: 'admin',
        params: t.Object({ id: PathId }),
        response,
        detail: {
          tags: ['Administration'],
          summary: 'Erase a user',
          description:
            'Name, address and messages become unreadable, also in the log and for good; every session ends. What others see of them reads `[erased]`.',
        },
      },
    );
}

/** Answers what refused it; nothing when it is done and the read models know nothing of them any more. */
async function erase(edge: Edge, { userId, actorId, request, set }: Asked) {
  const context = { ...contextOf(set, actorId), ifVersion: ifVersion(request) };
  const outcome = await edge.erasure.erase(userId, () =>
    edge.commands.users(userId, { type: 'EraseUser', userId }, context),
  );
  if (outcome.ok) {
    accepted(edge, set, { ...outcome, actorId });
    await edge.freshness.caughtUp(outcome.position);
    return undefined;
  }
  if (outcome.rejection === 'stale') return { status: 412, problem: stale(set) } as const;
  const [status, code, message] = refusals[outcome.rejection];
  return { status, problem: problem(set, code, message) } as const;
}
