import type { ChatEvent } from '../events/chat.ts';
import type { UserEvent } from '../events/users.ts';
import { erased, reveal } from '../kernel/event.ts';
import { defineProjection } from '../kernel/projection.ts';
import { idOf } from '../kernel/stream.ts';
import { erase, insert, patch } from './changes.ts';
import { count, flag, id, index, table, timestamp, words } from './columns.ts';

export const messages = table(
  'messages',
  {
    id: id('id').primaryKey(),
    room: words('room').notNull(),
    authorId: id('author_id').notNull(),
    /** Empty once the message is withdrawn. */
    text: words('text').notNull(),
    isWithdrawn: flag('is_withdrawn').notNull(),
    version: count('version').notNull(),
    position: count('position').notNull(),
    createdAt: timestamp('created_at').notNull(),
  },
  ({ room, position, authorId }) => [
    index('messages_by_room').on(room, position),
    index('messages_by_author').on(authorId),
  ],
);

export const chatProjection = defineProjection<ChatEvent | UserEvent>({
  name: 'messages',
  version: 1,
  tables: [messages],
  on: {
    MessagePosted: ({ stream, version, position, time, data }) =>
      insert(messages, {
        id: idOf(stream),
        room: data.room,
        authorId: data.authorId,
        text: reveal(data.text),
        isWithdrawn: false,
        version,
        position,
        createdAt: time,
      }),

    MessageWithdrawn: ({ stream, version }) =>
      patch(messages, { id: idOf(stream) }, { text: '', isWithdrawn: true, version }),

    UserErased: ({ stream }) =>
      erase(messages, { authorId: idOf(stream), isWithdrawn: false }, { text: reveal(erased) }),
  },
});
