import { and, desc, eq, lt, sql } from 'drizzle-orm';
import { messages } from '../projections/chat.ts';
import { users } from '../projections/users.ts';
import type { ReadDb } from './read-db.ts';

const view = {
  id: messages.id,
  room: messages.room,
  from: messages.authorId,
  name: users.name,
  text: messages.text,
  isWithdrawn: messages.isWithdrawn,
  version: messages.version,
  position: messages.position,
  createdAt: messages.createdAt,
};

/** Statements are prepared once, here; calling one only binds and steps. */
export function chatQueries(db: ReadDb) {
  const inRoom = db
    .select(view)
    .from(messages)
    .leftJoin(users, eq(users.id, messages.authorId))
    .where(
      and(
        eq(messages.room, sql.placeholder('room')),
        lt(messages.position, sql.placeholder('before')),
      ),
    )
    .orderBy(desc(messages.position))
    .limit(sql.placeholder('limit'))
    .prepare();

  return {
    /** Newest first, those with a position below `before`. */
    inRoom: (room: string, before: number, limit: number) => inRoom.all({ room, before, limit }),
  };
}
