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
export const ProductDeleted = event('ProductDeleted', {
  name: Type.String(),
  createdBy: Type.String(),
});

export type ProductEvent = EventOf<
  typeof ProductCreated | typeof ProductRenamed | typeof ProductRepriced | typeof ProductDeleted
>;
