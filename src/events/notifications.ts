import { type Static, Type } from '@sinclair/typebox';
import { event, type EventOf } from '../kernel/event.ts';
import { streamNamer } from '../kernel/stream.ts';
import { Role } from './users.ts';

// Type names and fields below are stored for ever. To change one, see README.md in this folder.

export const notificationStream = streamNamer('notification');

export const NotificationKind = Type.Union([
  Type.Literal('mention'),
  Type.Literal('role-changed'),
  Type.Literal('password-changed'),
  Type.Literal('token-reused'),
  Type.Literal('product-deleted'),
  Type.Literal('message-withdrawn'),
]);
export type NotificationKind = Static<typeof NotificationKind>;

/** What a notification is about: ids and names of places, never a text or a name of a person. */
export const references = {
  /** Who caused it: a user's id, or the name of a part of the system. */
  actorId: Type.Optional(Type.String()),
  room: Type.Optional(Type.String()),
  messageId: Type.Optional(Type.String()),
  productId: Type.Optional(Type.String()),
  role: Type.Optional(Role),
};

export const NotificationRaised = event('NotificationRaised', {
  /** Whom it is for. */
  userId: Type.String(),
  kind: NotificationKind,
  ...references,
});
export const NotificationRead = event('NotificationRead', { userId: Type.String() });

export type NotificationEvent = EventOf<typeof NotificationRaised | typeof NotificationRead>;
