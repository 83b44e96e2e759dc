import { type TSchema, Type } from '@sinclair/typebox';
import { t } from 'elysia';
import { strict } from './schemas.ts';

export const limitMax = 100;

export const PageQuery = t.Object(
  {
    page: t.Integer({ minimum: 1, maximum: 1_000_000, default: 1 }),
    limit: t.Integer({ minimum: 1, maximum: limitMax, default: 20 }),
    search: t.String({ maxLength: 200, default: '', description: 'Found anywhere, whatever its case.' }),
  },
  { additionalProperties: true },
);

export function PageOf<Item extends TSchema>(item: Item) {
  return strict({
    data: Type.Array(item),
    total: Type.Integer({ minimum: 0 }),
    page: Type.Integer({ minimum: 1 }),
    pages: Type.Integer({ minimum: 0 }),
  });
}

export function toPage<Item>(data: Item[], total: number, { page, limit }: { page: number; limit: number }) {
  return { data, total, page, pages: Math.ceil(total / limit) };
}
