import type { Static } from '@sinclair/typebox';
import { Elysia, t } from 'elysia';
import type { NotificationRejection } from '../commands/notifications.ts';
import { accepted, contextOf, type Edge, tag } from './edge.ts';
import { limitMax, PageOf, queryInteger, toPage } from './paging.ts';
import { problem, problems } from './problem.ts';
import { PathId } from './schemas.ts';
import { known, notificationView, NotificationView } from './views.ts';

/** That it is somebody else's is nobody's business: to others there is none. */
const unknown = [404, 'NOT_FOUND', 'You have no such notification.'] as const;
const refusals = {
  'notification-unknown': unknown,
  'notification-not-yours': unknown,
  'notification-exists': [409, 'CONFLICT', 'This notification exists already.'],
} as const satisfies Record<NotificationRejection, readonly [number, string, string]>;

const NotificationId = t.Object({ id: PathId });
const Window = t.Object(
  {
    page: t.Optional(queryInteger('page', { maximum: 1_000_000, default: 1 })),
    limit: t.Optional(queryInteger('limit', { maximum: limitMax, default: 20 })),
    unread: t.Optional(
      t.UnionEnum(['true', 'false'], {
        default: 'false',
        description: 'Only those that are not read yet.',
      }),
    ),
  },
  { additionalProperties: true },
);

type Row = Omit<NotificationView, 'data' | 'read'> & { data: string; isRead: boolean };

function rowView({ data, isRead: read, ...row }: Row): NotificationView {
  return { ...row, data: JSON.parse(data) as NotificationView['data'], read };
}

function askedFor({ page = 1, limit = 20, unread }: Static<typeof Window>) {
  return { page, limit, unread: unread === 'true' };
}

export function notificationsHttp(edge: Edge) {
  const { access, commands, queries, freshness, limits, once } = edge;
  return new Elysia({
    name: 'http.notifications',
    prefix: '/notifications',
    tags: ['Notifications'],
  })
    .use(access)
    .get(
      '',
      async ({ query, request, user }) => {
        await freshness.read(request, user.id);
        const asked = askedFor(query);
        const { data, total } = await queries.notifications.of(user.id, asked);
        return toPage(data.map(rowView), total, asked);
      },
      {
        isAuthenticated: true,
        query: Window,
        response: { 200: PageOf(NotificationView), ...problems(422, 503) },
        detail: { summary: 'Your notifications, newest first' },
      },
    )
    .use(limits.commands)
    .post(
      '/:id/read',
      async ({ params, request, set, status, user }) =>
        once(
          { request, set, body: undefined, callerId: user.id },
          () => user.id,
          async (repeatable) => {
            const command = { type: 'ReadNotification', userId: user.id } as const;
            const context = contextOf(set, user.id, repeatable);
            const outcome = await commands.notifications(params.id, command, context);
            if (!outcome.ok) {
              // Neither is ever refused as stale: no version is asked for.
              const { rejection } = outcome;
              const [code, name, message] = refusals[rejection as NotificationRejection];
              return status(code, problem(set, name, message));
            }
            accepted(edge, set, { ...outcome, actorId: user.id });
            tag(set, outcome.version);
            return status(200, notificationView(outcome.id, known(outcome)));
          },
        ),
      {
        isAuthenticated: true,
        params: NotificationId,
        response: { 200: NotificationView, ...problems(404, 409, 422, 429, 503) },
        detail: { summary: 'Mark a notification as read' },
      },
    );
}
