import { Type } from '@sinclair/typebox';
import { event, type EventOf } from '../kernel/event.ts';
import { streamNamer } from '../kernel/stream.ts';

// Type names and fields below are stored for ever. To change one, see README.md in this folder.

export const productStream = streamNamer('product');

const Cents = Type.Integer({ minimum: 0 });

export const ProductCreated = event('ProductCreated', {
  name: Type.String(),
  sku: Type.String(),
  priceCents: Cents,
  createdBy: Type.String(),
});
export const ProductRenamed = event('ProductRenamed', {
  name: Type.String(),
  previousName: Type.String(),
});
export const ProductRepriced = event('ProductRepriced', {
  priceCents: Cents,
  previousCents: Cents,
});
/** `key` is the SHA-256 of the bytes, in hexadecimal; by it they lie outside the log. */
export const ProductImageAttached = event('ProductImageAttached', {
  key: Type.String(),
  contentType: Type.String(),
  width: Type.Integer({ minimum: 1 }),
  height: Type.Integer({ minimum: 1 }),
  bytes: Type.Integer({ minimum: 1 }),
});
export const ProductImageDetached = event('ProductImageDetached', { key: Type.String() });
export const ProductDeleted = event('ProductDeleted', {
  name: Type.String(),
  createdBy: Type.String(),
});

export type ProductEvent = EventOf<
  | typeof ProductCreated
  | typeof ProductRenamed
  | typeof ProductRepriced
  | typeof ProductImageAttached
  | typeof ProductImageDetached
  | typeof ProductDeleted
>;

export type ProductImage = EventOf<typeof ProductImageAttached>['data'];
