import { and, count, desc, eq, sql } from 'drizzle-orm';
import { notifications } from '../projections/notifications.ts';
import type { ListRequest, ReadDb } from './read-db.ts';

const view = {
  id: notifications.id,
  kind: notifications.kind,
  data: notifications.data,
  isRead: notifications.isRead,
  version: notifications.version,
  createdAt: notifications.createdAt,
  updatedAt: notifications.updatedAt,
};

type OwnRequest = Pick<ListRequest, 'page' | 'limit'> & { readonly unread: boolean };

/** Statements are prepared once, here; calling one only binds and steps. */
export function notificationQueries(db: ReadDb) {
  const isOwn = eq(notifications.userId, sql.placeholder('userId'));
  const all = statements(isOwn);
  const unread = statements(and(isOwn, eq(notifications.isRead, false)));

  function statements(condition: ReturnType<typeof and>) {
    const listed = db
      .select(view)
      .from(notifications)
      .where(condition)
      .orderBy(desc(notifications.position))
      .limit(sql.placeholder('limit'))
      .offset(sql.placeholder('offset'))
      .prepare();
    const counted = db.select({ total: count() }).from(notifications).where(condition).prepare();
    return { listed, counted };
  }

  return {
    /** A user's own, newest first. */
    of(userId: string, { page, limit, unread: isUnreadOnly }: OwnRequest) {
      const { listed, counted } = isUnreadOnly ? unread : all;
      const data = listed.all({ userId, limit, offset: (page - 1) * limit });
      return { data, total: counted.get({ userId })?.total ?? 0 };
    },
  };
}
