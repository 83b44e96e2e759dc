import { and, desc, eq, lt, sql } from 'drizzle-orm';
import { messages } from '../projections/chat.ts';
import { users } from '../projections/users.ts';
import { defineQueries } from './read-db.ts';

export const chatQueries = defineQueries(
  { messages, users },
  ({ messages, users }, { db, all }) => {
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
    const isAsked = and(
      eq(messages.room, sql.placeholder('room')),
      lt(messages.position, sql.placeholder('before')),
    );
    const inRoom = all(
      db
        .select(view)
        .from(messages)
        .leftJoin(users, eq(users.id, messages.authorId))
        .where(isAsked)
        .orderBy(desc(messages.position))
        .limit(sql.placeholder('limit')),
    );

    return {
      /** Newest first, those with a position below `before`. */
      inRoom: (room: string, before: number, limit: number) => inRoom({ room, before, limit }),
    };
  },
);
