import { type Static, Type } from '@sinclair/typebox';
import { Elysia, t } from 'elysia';
import type { JobPage, Jobs } from '../kernel/jobs.ts';
import type { Edge } from './edge.ts';
import { limitMax, pageMax, pageOf, queryInteger, toPage } from './paging.ts';
import { problem, problems } from './problem.ts';
import { answer, Position, strict, Time } from './schemas.ts';

const JobId = Type.String({
  maxLength: 200,
  pattern: '^[^\\u0000]*$',
  description: 'The id of an event, a full stop, and the name of an effect.',
  examples: ['019aa0c4-7a3e-7000-8000-5b2f3d1c9e10.welcome-mail'],
});

const DeadJob = strict({
  id: JobId,
  name: Type.String({ examples: ['welcome-mail'] }),
  attempts: Type.Integer({ minimum: 0 }),
  enqueuedAt: Time,
  diedAt: Time,
  reason: Type.String({ examples: ['The mail server answered 550 5.1.1 to RCPT TO.'] }),
});

const Count = Type.Integer({ minimum: 0 });

const Counts = strict({
  waiting: Count,
  delayed: Type.Integer({ minimum: 0, description: 'Waiting out the pause after a failure.' }),
  active: Count,
  dead: Type.Integer({ minimum: 0, description: 'Given up, until somebody retries them.' }),
});

const State = Type.Union(
  [
    Type.Literal('catching-up'),
    Type.Literal('live'),
    Type.Literal('retrying'),
    Type.Literal('stopped'),
  ],
  { description: 'Of the follower that makes jobs of events.' },
);

const Queue = strict({
  state: State,
  position: Position,
  head: Position,
  lag: Count,
  counts: Counts,
});
type Queue = Static<typeof Queue>;

const QueueView = answer({
  ...Queue.properties,
  data: Type.Array(DeadJob, { description: 'The dead ones, newest first.' }),
  total: Count,
  page: Type.Integer({ minimum: 1 }),
  pages: Count,
});

export type JobControl = Pick<Jobs, 'retry'> & {
  readonly view: (page: JobPage) => Promise<Queue & { dead: Static<typeof DeadJob>[] }>;
};

const Page = t.Object(
  {
    page: t.Optional(queryInteger('page', { maximum: pageMax, default: 1 })),
    limit: t.Optional(queryInteger('limit', { maximum: limitMax, default: 20 })),
  },
  { additionalProperties: true },
);

export function jobsHttp({ access, limits, once }: Edge, jobs: JobControl) {
  return new Elysia()
    .use(access)
    .get(
      '/jobs',
      async ({ query }) => {
        const asked = pageOf(query);
        const { page, limit } = asked;
        const { dead, ...queue } = await jobs.view({ offset: (page - 1) * limit, limit });
        return { ...queue, ...toPage(dead, queue.counts.dead, asked) };
      },
      {
        requireRole: 'admin',
        query: Page,
        response: { 200: QueueView, ...problems(422, 503) },
        detail: { summary: 'How many jobs wait, and which are dead' },
      },
    )
    .use(limits.commands)
    .post(
      '/jobs/:id/retry',
      async ({ params, request, set, status, user }) =>
        once(
          { request, set, body: null, callerId: user.id },
          () => null,
          async () => {
            switch (await jobs.retry(params.id)) {
              case 'unknown':
                return status(404, problem(set, 'NOT_FOUND', 'There is no such job.'));
              case 'not-dead':
                return status(409, problem(set, 'JOB_NOT_DEAD', 'Only a dead job is retried.'));
              case 'retried':
                return status(202, { id: params.id, status: 'waiting' as const });
            }
          },
        ),
      {
        requireRole: 'admin',
        params: t.Object({ id: JobId }),
        response: {
          202: answer({ id: JobId, status: Type.Literal('waiting') }),
          ...problems(404, 409, 422, 429, 503),
        },
        detail: { summary: 'Try a dead job again, with all its attempts before it' },
      },
    );
}
