// The shapes in which clients see things, from a row or from a folded stream.
import { type Static, Type } from '@sinclair/typebox';
import type { Message } from '../commands/chat.ts';
import type { Notification } from '../commands/notifications.ts';
import type { Product } from '../commands/products.ts';
import type { User } from '../commands/users.ts';
import { NotificationKind, references } from '../events/notifications.ts';
import { Role } from '../events/users.ts';
import { type Personal, reveal } from '../kernel/event.ts';
import type { Folded } from '../kernel/handle-command.ts';
import { answer, Id, Position, Price, strict, Time, Version } from './schemas.ts';

export const UserView = answer({
  id: Id,
  email: Type.String({ examples: ['ada@example.com'] }),
  name: Type.String({ examples: ['Ada Lovelace'] }),
  role: Role,
  version: Version,
  createdAt: Time,
  updatedAt: Time,
});
export type UserView = Static<typeof UserView>;

export const ProductView = answer({
  id: Id,
  name: Type.String({ examples: ['Mug'] }),
  sku: Type.String({ examples: ['MUG-1'] }),
  price: Price,
  createdBy: Id,
  version: Version,
  createdAt: Time,
  updatedAt: Time,
});
export type ProductView = Static<typeof ProductView>;

export const MessageView = answer({
  id: Id,
  room: Type.String({ examples: ['lobby'] }),
  from: Id,
  name: Type.String({ examples: ['Ada Lovelace'] }),
  text: Type.Union([Type.String(), Type.Null()], { description: 'Null once it is withdrawn.' }),
  withdrawn: Type.Boolean(),
  version: Version,
  position: Position,
  createdAt: Time,
});
export type MessageView = Static<typeof MessageView>;

export const NotificationView = answer({
  id: Id,
  kind: NotificationKind,
  data: strict(references),
  read: Type.Boolean(),
  version: Version,
  createdAt: Time,
  updatedAt: Time,
});
export type NotificationView = Static<typeof NotificationView>;

type Known<State extends { status: string }> = Folded<
  Exclude<State, { status: 'unknown' | 'deleted' }>
>;

export function userView(
  id: string,
  { state, version, createdAt, updatedAt }: Known<User>,
): UserView {
  const { email, name, role } = state;
  return { id, email: reveal(email), name: reveal(name), role, version, createdAt, updatedAt };
}

export function productView(
  id: string,
  { state, version, createdAt, updatedAt }: Known<Product>,
): ProductView {
  const { name, sku, priceCents, createdBy } = state;
  return { id, name, sku, price: priceCents / 100, createdBy, version, createdAt, updatedAt };
}

export function messageView(
  id: string,
  { state, version, position, createdAt }: Known<Message>,
  name: Personal,
): MessageView {
  const { room, authorId: from, text, status } = state;
  const withdrawn = status === 'withdrawn';
  const shown = withdrawn ? null : reveal(text);
  return {
    id,
    room,
    from,
    name: reveal(name),
    text: shown,
    withdrawn,
    version,
    position,
    createdAt,
  };
}

export function notificationView(
  id: string,
  { state, version, createdAt, updatedAt }: Known<Notification>,
): NotificationView {
  const { kind, references: data, status } = state;
  return { id, kind, data, read: status === 'read', version, createdAt, updatedAt };
}

/** A folded stream that the outcome of its command has shown to exist. */
export function known<State extends { readonly status: string }>(
  folded: Folded<State>,
): Known<State> {
  if (folded.state.status === 'unknown' || folded.state.status === 'deleted') {
    throw new Error(`Expected something to show, but it is ${folded.state.status}.`);
  }
  return folded as Known<State>;
}
