import { and, count, desc, eq, type SQL, sql } from 'drizzle-orm';
import { notifications } from '../projections/notifications.ts';
import { defineQueries, type ListRequest } from './read-db.ts';

type OwnRequest = Pick<ListRequest, 'page' | 'limit'> & { readonly unread: boolean };

export const notificationQueries = defineQueries(
  { notifications },
  ({ notifications }, { db, all, first }) => {
    const view = {
      id: notifications.id,
      kind: notifications.kind,
      data: notifications.data,
      isRead: notifications.isRead,
      version: notifications.version,
      createdAt: notifications.createdAt,
      updatedAt: notifications.updatedAt,
    };
    const isOwn = eq(notifications.userId, sql.placeholder('userId'));
    const every = statements(isOwn);
    const unread = statements(and(isOwn, eq(notifications.isRead, false)));

    function statements(condition: SQL | undefined) {
      const listed = all(
        db
          .select(view)
          .from(notifications)
          .where(condition)
          .orderBy(desc(notifications.position))
          .limit(sql.placeholder('limit'))
          .offset(sql.placeholder('offset')),
      );
      const counted = first(db.select({ total: count() }).from(notifications).where(condition));
      return { listed, counted };
    }

    return {
      /** A user's own, newest first. */
      async of(userId: string, { page, limit, unread: isUnreadOnly }: OwnRequest) {
        const { listed, counted } = isUnreadOnly ? unread : every;
        const window = { userId, limit, offset: (page - 1) * limit };
        const [data, row] = await Promise.all([listed(window), counted({ userId })]);
        return { data, total: row?.total ?? 0 };
      },
    };
  },
);
