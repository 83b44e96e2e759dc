import { type Static, type TSchema, Type } from '@sinclair/typebox';
import { t } from 'elysia';
import { answer } from './schemas.ts';

export const limitMax = 100;
export const pageMax = 1_000_000;

export const PageQuery = t.Object(
  {
    page: t.Optional(queryInteger('page', { maximum: pageMax, default: 1 })),
    limit: t.Optional(queryInteger('limit', { maximum: limitMax, default: 20 })),
    search: t.Optional(
      t.String({
        maxLength: 200,
        pattern: '^[^\\u0000]*$',
        default: '',
        description: 'Found anywhere, whatever its case.',
      }),
    ),
  },
  { additionalProperties: true },
);

type Range = {
  readonly maximum: number;
  readonly default?: number;
  readonly description?: string;
};

/** A number from 1. It names its own place, because what Elysia throws about its range does not. */
export function queryInteger(name: string, range: Range) {
  const mustBe = `a whole number from 1 to ${range.maximum}`;
  return t.Integer({ minimum: 1, ...range, place: `/${name}`, mustBe });
}

export function PageOf<Item extends TSchema>(item: Item) {
  return answer({
    data: Type.Array(item),
    total: Type.Integer({ minimum: 0 }),
    page: Type.Integer({ minimum: 1 }),
    pages: Type.Integer({ minimum: 0 }),
  });
}

/** Which page is asked for, with what is left out filled in. */
export function pageOf({ page = 1, limit = 20, search = '' }: Static<typeof PageQuery>) {
  return { page, limit, search };
}

export function toPage<Item>(
  data: Item[],
  total: number,
  { page, limit }: { page: number; limit: number },
) {
  return { data, total, page, pages: Math.ceil(total / limit) };
}
