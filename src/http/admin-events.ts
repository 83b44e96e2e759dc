// The log as admins look things up in it: all of it, or one stream.
import { Type } from '@sinclair/typebox';
import { Elysia, t } from 'elysia';
import type { StreamName, Version as StreamVersion } from '../kernel/stream.ts';
import type { Edge } from './edge.ts';
import { Events, EventView, PageFilter, pageOfEvents } from './events.ts';
import { limitMax, queryInteger } from './paging.ts';
import { problem, problems } from './problem.ts';
import { answer, Version } from './schemas.ts';
import { audienceOf, eventView, type EventView as View } from './visibility.ts';

const Stream = t.Object({
  stream: t.String({
    minLength: 1,
    maxLength: 200,
    examples: ['product-019aa0c4-7a3e-7000-8000-5b2f3d1c9e10'],
  }),
});

const StreamPage = t.Object(
  {
    after: t.Optional(
      t.String({
        pattern: '^\\d{1,15}$',
        description: 'Only events after this version of the stream.',
        examples: ['0'],
      }),
    ),
    limit: t.Optional(queryInteger('limit', { maximum: limitMax, default: 50 })),
  },
  { additionalProperties: true },
);

const StreamEvents = answer({
  data: Type.Array(EventView),
  nextAfter: Type.Union([Version, Type.Null()], {
    description: 'The `after` of the next page; null at the end of the stream.',
  }),
});

export function adminEventsHttp({ access, freshness, live, store }: Edge) {
  async function exists(stream: StreamName): Promise<boolean> {
    for await (const _ of store.readStream(stream)) return true;
    return false;
  }

  return new Elysia()
    .use(access)
    .get(
      '/events',
      async ({ query, request, user }) => {
        await freshness.read(request, user.id);
        return pageOfEvents(live, query, user);
      },
      {
        requireRole: 'admin',
        query: PageFilter,
        response: { 200: Events, ...problems(422, 503) },
        detail: {
          summary: 'The whole log, oldest first',
          description:
            'Addresses of people are left out, and what belonged to somebody erased is `[erased]`.',
        },
      },
    )
    .get(
      '/streams/:stream',
      async ({ params, query, request, set, status, user }) => {
        await freshness.read(request, user.id);
        const { after = '0', limit = 50 } = query;
        const data: View[] = [];
        const events = store.readStream(
          params.stream as StreamName,
          Number(after) as StreamVersion,
        );
        for await (const event of events) {
          if (data.length === limit) return { data, nextAfter: data.at(-1)!.version };
          data.push(eventView(event, audienceOf(event, user) ?? 'admin'));
        }
        if (data.length === 0 && !(await exists(params.stream as StreamName))) {
          return status(404, problem(set, 'NOT_FOUND', 'There is no such stream.'));
        }
        return { data, nextAfter: null };
      },
      {
        requireRole: 'admin',
        params: Stream,
        query: StreamPage,
        response: { 200: StreamEvents, ...problems(404, 422, 503) },
        detail: {
          summary: 'The events of one stream, oldest first',
          description:
            'Addresses of people are left out, and what belonged to somebody erased is `[erased]`.',
        },
      },
    );
}
