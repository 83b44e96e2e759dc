import { Type } from '@sinclair/typebox';
import { event, type EventOf, personal } from '../kernel/event.ts';
import { streamNamer } from '../kernel/stream.ts';

// Type names and fields below are stored for ever. To change one, see README.md in this folder.

/** A stream a message: a room's order is the log's, so posting never waits for another author. */
export const messageStream = streamNamer('message');

export const MessagePosted = event(
  'MessagePosted',
  { room: Type.String(), authorId: Type.String(), text: personal(Type.String()) },
  { person: ({ data }) => data.authorId },
);
export const MessageWithdrawn = event('MessageWithdrawn', {
  room: Type.String(),
  authorId: Type.String(),
});

export type ChatEvent = EventOf<typeof MessagePosted | typeof MessageWithdrawn>;
