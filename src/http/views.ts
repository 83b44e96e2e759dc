// The shapes in which clients see things, from a row or from a folded stream.
import { type Static, Type } from '@sinclair/typebox';
import type { Message } from '../commands/chat.ts';
import type { Notification } from '../commands/notifications.ts';
import type { Product } from '../commands/products.ts';
import type { User } from '../commands/users.ts';
import { NotificationKind, references } from '../events/notifications.ts';
import type { ProductImage } from '../events/products.ts';
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

const ImageView = Type.Object(
  {
    url: Type.String({
      description: 'A path on this server. It needs no token, for one to two hours.',
      examples: ['/images/9f86d081….png?until=1764064800&proof=…'],
    }),
    contentType: Type.String({ examples: ['image/png'] }),
    width: Type.Integer({ minimum: 1, description: 'Pixels, as the image is shown.' }),
    height: Type.Integer({ minimum: 1, description: 'Pixels, as the image is shown.' }),
    bytes: Type.Integer({ minimum: 1 }),
  },
  { additionalProperties: false },
);

export const ProductView = answer({
  id: Id,
  name: Type.String({ examples: ['Mug'] }),
  sku: Type.String({ examples: ['MUG-1'] }),
  price: Price,
  image: Type.Union([ImageView, Type.Null()]),
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
  Exclude<State, { status: 'unknown' | 'deleted' | 'erased' }>
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
  addressOf: ImageAddress,
): ProductView {
  const { name, sku, priceCents, createdBy } = state;
  const price = priceCents / 100;
  const image = imageView(state.image, addressOf);
  return { id, name, sku, price, image, createdBy, version, createdAt, updatedAt };
}

/** Makes the address under which an image can be fetched without a token, for some time. */
export type ImageAddress = (image: Pick<ProductImage, 'key' | 'contentType'>) => string;

export function imageView(
  image: ProductImage | undefined,
  addressOf: ImageAddress,
): ProductView['image'] {
  if (!image) return null;
  const { contentType, width, height, bytes } = image;
  return { url: addressOf(image), contentType, width, height, bytes };
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
  const { status } = folded.state;
  if (status === 'unknown' || status === 'deleted' || status === 'erased') {
    throw new Error(`Expected something to show, but it is ${status}.`);
  }
  return folded as Known<State>;
}
