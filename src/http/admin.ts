import { type Static, Type } from '@sinclair/typebox';
import { Elysia, t } from 'elysia';
import type { UserRejection } from '../commands/users.ts';
import { Role } from '../events/users.ts';
import { adminEventsHttp } from './admin-events.ts';
import { accepted, contextOf, type Edge, ifVersion, stale, tag } from './edge.ts';
import { type JobControl, jobsHttp } from './jobs.ts';
import { PageOf, pageOf, PageQuery, toPage } from './paging.ts';
import { problem, problems } from './problem.ts';
import { answer, PathId, Position, strict, Time } from './schemas.ts';
import { known, userView, UserView } from './views.ts';

export const refusals = {
  'user-unknown': [404, 'NOT_FOUND', 'There is no such user.'],
  'user-exists': [409, 'CONFLICT', 'This user exists already.'],
  'email-taken': [409, 'EMAIL_TAKEN', 'There is an account with this address already.'],
  'last-admin': [409, 'LAST_ADMIN', 'The last admin can be neither demoted nor erased.'],
} as const satisfies Record<UserRejection, readonly [number, string, string]>;

const Parked = strict({
  position: Position,
  stream: Type.String(),
  type: Type.String(),
  time: Time,
  reason: Type.String(),
});

const ProjectionView = strict({
  name: Type.String({ examples: ['products'] }),
  version: Type.Integer({ minimum: 1 }),
  position: Position,
  head: Position,
  lag: Type.Integer({ minimum: 0 }),
  status: Type.Union([
    Type.Literal('catching-up'),
    Type.Literal('live'),
    Type.Literal('retrying'),
    Type.Literal('stopped'),
    Type.Literal('rebuilding'),
    Type.Literal('outdated'),
  ]),
  progress: Type.Number({
    minimum: 0,
    maximum: 1,
    description: 'Of a rebuild, or of catching up.',
  }),
  parked: Type.Array(Parked, {
    description: 'Events it could not apply, and later ones of their streams.',
  }),
});
export type ProjectionView = Static<typeof ProjectionView>;

export type ProjectionControl = {
  readonly list: () => Promise<ProjectionView[]>;
  /** Begins in the background. */
  readonly rebuild: (name: string) => Promise<'started' | 'running' | 'unknown'>;
};

export function adminHttp(edge: Edge, projections: ProjectionControl, jobs: JobControl) {
  return new Elysia({ name: 'http.admin', prefix: '/admin', tags: ['Administration'] })
    .use(users(edge))
    .use(adminEventsHttp(edge))
    .use(projectionRoutes(edge, projections))
    .use(jobsHttp(edge, jobs));
}

function users(edge: Edge) {
  const { access, commands, queries, freshness, limits, noteRole } = edge;
  return new Elysia()
    .use(access)
    .get(
      '/users',
      async ({ query, request, user }) => {
        await freshness.read(request, user.id);
        const asked = pageOf(query);
        const { data, total } = await queries.users.list(asked);
        return toPage(data, total, asked);
      },
      {
        requireRole: 'admin',
        query: PageQuery,
        response: { 200: PageOf(UserView), ...problems(422, 503) },
        detail: { summary: 'List users, newest first' },
      },
    )
    .use(limits.commands)
    .patch(
      '/users/:id/role',
      async ({ params, body, request, set, status, user }) => {
        const context = { ...contextOf(set, user.id), ifVersion: ifVersion(request) };
        const command = { type: 'ChangeUserRole', userId: params.id, role: body.role } as const;
        const outcome = await commands.users(params.id, command, context);
        if (!outcome.ok) {
          if (outcome.rejection === 'stale') return status(412, stale(set));
          const [code, name, message] = refusals[outcome.rejection];
          return status(code, problem(set, name, message));
        }
        noteRole(outcome.id, body.role, outcome.position);
        accepted(edge, set, { ...outcome, actorId: user.id });
        tag(set, outcome.version);
        return userView(outcome.id, known(outcome));
      },
      {
        requireRole: 'admin',
        params: t.Object({ id: PathId }),
        body: strict({ role: Role }),
        response: { 200: UserView, ...problems(404, 409, 412, 422, 429, 503) },
        detail: { summary: "Change a user's role" },
      },
    );
}

function projectionRoutes(
  { access, limits, once, freshness }: Edge,
  projections: ProjectionControl,
) {
  return new Elysia()
    .use(access)
    .get(
      '/projections',
      async () => {
        await freshness.settled();
        return { data: await projections.list() };
      },
      {
        requireRole: 'admin',
        response: { 200: answer({ data: Type.Array(ProjectionView) }), ...problems(503) },
        detail: { summary: 'How far each read model is' },
      },
    )
    .use(limits.commands)
    .post(
      '/projections/:name/rebuild',
      async ({ params, request, set, status, user }) =>
        once(
          { request, set, body: null, callerId: user.id },
          () => null,
          async () => {
            switch (await projections.rebuild(params.name)) {
              case 'unknown':
                return status(404, problem(set, 'NOT_FOUND', 'There is no such projection.'));
              case 'running':
                return status(409, problem(set, 'REBUILD_RUNNING', 'A rebuild of it is running.'));
              case 'started':
                return status(202, { name: params.name, status: 'rebuilding' as const });
            }
          },
        ),
      {
        requireRole: 'admin',
        params: t.Object({ name: t.String({ maxLength: 100, examples: ['products'] }) }),
        response: {
          202: answer({ name: Type.String(), status: Type.Literal('rebuilding') }),
          ...problems(404, 409, 422, 429, 503),
        },
        detail: { summary: 'Rebuild a read model beside the live one, then swap' },
      },
    );
}
