import { count, desc, eq, or, sql } from 'drizzle-orm';
import { checkpoints } from '../projections/checkpoints.ts';
import { products, productsProjection } from '../projections/products.ts';
import { defineQueries, escapeLike, like, type ListRequest } from './read-db.ts';

/** What clients may see of them. */
const columnsOf = (table: typeof products) => ({
  id: table.id,
  name: table.name,
  sku: table.sku,
  priceCents: table.priceCents,
  createdBy: table.createdBy,
  imageKey: table.imageKey,
  imageType: table.imageType,
  imageWidth: table.imageWidth,
  imageHeight: table.imageHeight,
  imageBytes: table.imageBytes,
  version: table.version,
  createdAt: table.createdAt,
  updatedAt: table.updatedAt,
});

/** Their names: cached answers are of this shape. */
export const productFields = Object.keys(columnsOf(products));

export const productQueries = defineQueries(
  { products, checkpoints },
  (tables, { db, all, first }) => {
    const { products, checkpoints } = tables;
    const view = columnsOf(products);
    const byId = first(
      db
        .select(view)
        .from(products)
        .where(eq(products.id, sql.placeholder('id'))),
    );
    const byIdAt = first(
      db
        .select({ position: checkpoints.position, build: checkpoints.build, row: view })
        .from(checkpoints)
        .leftJoin(products, eq(products.id, sql.placeholder('id')))
        .where(eq(checkpoints.projection, productsProjection.name)),
    );
    const withImage = first(
      db
        .select({ id: products.id })
        .from(products)
        .where(eq(products.imageKey, sql.placeholder('key')))
        .limit(1),
    );
    const matches = or(like(products.searchName), like(products.searchSku));
    const listed = all(
      db
        .select(view)
        .from(products)
        .where(matches)
        .orderBy(desc(products.position))
        .limit(sql.placeholder('limit'))
        .offset(sql.placeholder('offset')),
    );
    const counted = first(db.select({ total: count() }).from(products).where(matches));

    return {
      byId: (id: string) => byId({ id }),
      /** The same, with the checkpoint that the rows stood at. */
      byIdAt: (id: string) => byIdAt({ id }),
      /** Whether any product shows the image with this key. */
      hasImage: async (key: string) => (await withImage({ key })) !== undefined,
      async list({ page, limit, search }: ListRequest) {
        const pattern = escapeLike(search);
        const window = { pattern, limit, offset: (page - 1) * limit };
        const [data, row] = await Promise.all([listed(window), counted({ pattern })]);
        return { data, total: row?.total ?? 0 };
      },
    };
  },
);
