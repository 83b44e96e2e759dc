import type { NotificationEvent, NotificationKind } from '../events/notifications.ts';
import type { UserEvent } from '../events/users.ts';
import { defineProjection } from '../kernel/projection.ts';
import { idOf } from '../kernel/stream.ts';
import { erase, insert, patch } from './changes.ts';
import { count, flag, id, index, table, timestamp, words } from './columns.ts';

export const notifications = table(
  'notifications',
  {
    id: id('id').primaryKey(),
    userId: id('user_id').notNull(),
    kind: words('kind').$type<NotificationKind>().notNull(),
    /** What it refers to, as a JSON object: each kind has references of its own. */
    data: words('data').notNull(),
    isRead: flag('is_read').notNull(),
    version: count('version').notNull(),
    position: count('position').notNull(),
    createdAt: timestamp('created_at').notNull(),
    updatedAt: timestamp('updated_at').notNull(),
  },
  ({ userId, isRead, position }) => [
    index('notifications_by_user').on(userId, position),
    index('notifications_unread').on(userId, isRead, position),
  ],
);

export const notificationsProjection = defineProjection<NotificationEvent | UserEvent>({
  name: 'notifications',
  version: 1,
  tables: [notifications],
  on: {
    NotificationRaised: ({ stream, version, position, time, data }) => {
      const { userId, kind, ...references } = data;
      return insert(notifications, {
        id: idOf(stream),
        userId,
        kind,
        data: JSON.stringify(references),
        isRead: false,
        version,
        position,
        createdAt: time,
        updatedAt: time,
      });
    },

    NotificationRead: ({ stream, version, time }) =>
      patch(notifications, { id: idOf(stream) }, { isRead: true, version, updatedAt: time }),

    UserErased: ({ stream }) => erase(notifications, { userId: idOf(stream) }),
  },
});
