// The log as clients see it: a page at a time, or live.
import { type Static, Type } from '@sinclair/typebox';
import { Elysia, t } from 'elysia';
import type { Server } from 'elysia/universal';
import type { Position as LogPosition, StreamName } from '../kernel/stream.ts';
import type { User } from './access.ts';
import type { Edge } from './edge.ts';
import { eventStream, type StreamRequest } from './event-stream.ts';
import type { Live } from './live.ts';
import type { LiveEntry } from './live-entry.ts';
import { limitMax, queryInteger } from './paging.ts';
import { EdgeRefusal, problem, problems } from './problem.ts';
import { answer, Id, Position, Time, Version } from './schemas.ts';
import { audienceOf, eventView, type EventView as View } from './visibility.ts';

const readPageSize = 100;
/** How much of the log one request looks through for events that its filter lets pass. */
const readEventsMax = 5_000;

export const EventView = answer({
  id: Id,
  type: Type.String({ examples: ['ProductCreated'] }),
  stream: Type.String({ examples: ['product-019aa0c4-7a3e-7000-8000-5b2f3d1c9e10'] }),
  version: Version,
  position: Position,
  time: Time,
  data: Type.Record(Type.String(), Type.Unknown()),
  meta: answer({ actorId: Id, correlationId: Type.String(), causationId: Type.String() }),
});
export const Events = answer({
  data: Type.Array(EventView),
  nextAfter: Type.Union([Position, Type.Null()], {
    description: 'The `after` of the next page; null at the end of the log.',
  }),
});

/** Within which a connection that is ended must have taken what was waiting for it. */
const hurrySeconds = 1;

const Ticket = answer({
  ticket: Type.String({ examples: ['kq3sPz0mB1h0pXn1kq9oV2b3c4d5e6f7g8h9i0jklmn'] }),
  expiresAt: Time,
});

const after = t.Optional(
  t.String({
    pattern: '^\\d{1,20}$',
    description: 'Only events after this position.',
    examples: ['0'],
  }),
);
const types = t.Optional(
  t.String({
    pattern: '^[A-Za-z]{1,100}(,[A-Za-z]{1,100}){0,49}$',
    description: 'Only these event types, separated by commas.',
    examples: ['ProductCreated,ProductDeleted'],
  }),
);
const stream = t.Optional(
  t.String({ minLength: 1, maxLength: 200, description: 'Only this stream.' }),
);
const token = t.Optional(
  t.String({
    maxLength: 4_096,
    description: 'A ticket or an access token, where no header can be set.',
  }),
);
const Filter = t.Object({ after, types, stream }, { additionalProperties: true });
export const PageFilter = t.Object(
  {
    after,
    types,
    stream,
    limit: t.Optional(queryInteger('limit', { maximum: limitMax, default: 50 })),
  },
  { additionalProperties: true },
);
const StreamFilter = t.Object({ after, types, stream, token }, { additionalProperties: true });
const OwnFilter = t.Object({ after, token }, { additionalProperties: true });
type Filter = Static<typeof Filter>;

/** What a stream carries is in the AsyncAPI document. */
const eventStreamBody = {
  200: Type.Unsafe<unknown>(
    t.NoValidate(
      Type.String({
        contentMediaType: 'text/event-stream',
        examples: ['id: 7\nevent: ProductCreated\ndata: {"id":"…","type":"ProductCreated"}\n\n'],
      }),
    ),
  ),
};

export function eventsHttp(edge: Edge) {
  return new Elysia({ name: 'http.events', tags: ['Events'] })
    .use(eventPages(edge))
    .use(eventStreams(edge))
    .use(ticketsHttp(edge));
}

function eventPages({ access, freshness, live }: Edge) {
  return new Elysia({ tags: ['Events'] }).use(access).get(
    '/events',
    async ({ query, request, user }) => {
      await freshness.read(request, user.id);
      return pageOfEvents(live, query, user);
    },
    {
      isAuthenticated: true,
      query: PageFilter,
      response: { 200: Events, ...problems(422, 503) },
      detail: {
        summary: 'The events that you may see, oldest first',
        description:
          'The text of a message that has been withdrawn is `[withdrawn]`; admins see it as it was posted.',
      },
    },
  );
}

/** The events behind `after` that the user may see and asks for; so many, or as many as a request looks through. */
export async function pageOfEvents(
  { read }: Pick<Live, 'read'>,
  query: Static<typeof PageFilter>,
  user: User,
): Promise<Static<typeof Events>> {
  const { limit = 50 } = query;
  const data: View[] = [];
  const view = viewer(user, query);
  let position = toPosition(query.after ?? '0');
  for (let looked = 0; looked < readEventsMax; looked += readPageSize) {
    const page = await read(position, readPageSize);
    for (const entry of page.entries) {
      const seen = view(entry);
      if (seen) data.push(seen);
      position = entry.position;
      if (data.length === limit) return { data, nextAfter: position };
    }
    position = page.to;
    if (page.isLast) return { data, nextAfter: null };
  }
  return { data, nextAfter: position };
}

function eventStreams(edge: Edge) {
  const { access } = edge;
  return new Elysia({ tags: ['Events'] })
    .use(access)
    .get(
      '/events/stream',
      async ({ query, request, server, set, status, user }) => {
        const { isWanted } = filterOf(query);
        const frameOf = (entry: LiveEntry) => {
          const audience = isWanted(entry) ? audienceOf(entry.event, user) : undefined;
          return audience && entry.frame(audience);
        };
        const opened = await open(edge, { request, server }, { user, after: query.after, frameOf });
        return opened ?? status(429, tooMany(set));
      },
      {
        mayFollow: true,
        query: StreamFilter,
        response: { ...eventStreamBody, ...problems(422, 429, 503) },
        detail: { summary: 'The events that you may see, as they happen' },
      },
    )
    .get(
      '/notifications/stream',
      async ({ query, request, server, set, status, user }) => {
        const frameOf = ({ event, frame }: LiveEntry) => {
          const isNotification = event.stream.startsWith('notification-');
          return isNotification && audienceOf(event, user) === 'person'
            ? frame('person')
            : undefined;
        };
        const opened = await open(edge, { request, server }, { user, after: query.after, frameOf });
        return opened ?? status(429, tooMany(set));
      },
      {
        mayFollow: true,
        query: OwnFilter,
        response: { ...eventStreamBody, ...problems(422, 429, 503) },
        detail: { summary: 'Your notifications, as they are raised and read' },
      },
    );
}

function ticketsHttp({ access, limits, live }: Edge) {
  return new Elysia({ tags: ['Events'] })
    .use(access)
    .use(limits.commands)
    .post('/auth/ticket', ({ user }) => live.tickets.issue(user), {
      isAuthenticated: true,
      response: { 200: Ticket, ...problems(429, 503) },
      detail: { summary: 'A ticket to open one stream with, within 30 seconds' },
    });
}

type Opening = Pick<StreamRequest, 'user' | 'frameOf'> & { readonly after: string | undefined };

type Incoming = { readonly request: Request; readonly server: Server | null };

/** Undefined if the user has as many streams open as one may have. */
async function open(
  { live, refused }: Edge,
  { request, server }: Incoming,
  { user, after, frameOf }: Opening,
) {
  const asked = positionIn(request, after);
  const head = await live.head();
  const place = live.connections.place(user);
  if (!place) {
    refused('streams');
    return undefined;
  }
  const isReset = asked !== undefined && asked > head;
  return eventStream(live.feed, live.connections, {
    user,
    after: asked === undefined || isReset ? head : asked,
    isReset,
    frameOf,
    onEnd: place.release,
    hurry: () => server?.timeout(request, hurrySeconds),
  });
}

/** A browser that reconnects sends the header; its address still holds the position it began with. */
function positionIn(request: Request, after: string | undefined): LogPosition | undefined {
  const text = request.headers.get('last-event-id') || after;
  if (text === undefined) return undefined;
  if (/^\d{1,20}$/.test(text)) return toPosition(text);
  throw new EdgeRefusal(422, 'VALIDATION_ERROR', 'The header Last-Event-ID must be a position.');
}

/** One too large for a number is beyond every log all the same. */
const toPosition = (digits: string) =>
  Math.min(Number(digits), Number.MAX_SAFE_INTEGER) as LogPosition;

function tooMany(set: { headers: Record<string, string | number> }) {
  set.headers['retry-after'] = '5';
  return problem(set, 'RATE_LIMITED', 'You have 32 streams open already. End one first.');
}

function viewer(user: User, filter: Filter) {
  const { isWanted } = filterOf(filter);
  return (entry: LiveEntry): View | undefined => {
    const event = user.role === 'admin' ? entry.recorded : entry.event;
    const audience = isWanted(entry) ? audienceOf(event, user) : undefined;
    return audience && eventView(event, audience);
  };
}

function filterOf({ types: names, stream: only }: Filter) {
  if (names === undefined && only === undefined) return { isWanted: () => true };
  const wanted = names === undefined ? undefined : new Set(names.split(','));
  return {
    isWanted: ({ event }: LiveEntry) =>
      (wanted === undefined || wanted.has(event.type)) &&
      (only === undefined || event.stream === (only as StreamName)),
  };
}
