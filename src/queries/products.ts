import { count, desc, eq, or, sql } from 'drizzle-orm';
import { products } from '../projections/products.ts';
import { defineQueries, escapeLike, like, type ListRequest } from './read-db.ts';

export const productQueries = defineQueries({ products }, ({ products }, { db, all, first }) => {
  const view = {
    id: products.id,
    name: products.name,
    sku: products.sku,
    priceCents: products.priceCents,
    createdBy: products.createdBy,
    imageKey: products.imageKey,
    imageType: products.imageType,
    imageWidth: products.imageWidth,
    imageHeight: products.imageHeight,
    imageBytes: products.imageBytes,
    version: products.version,
    createdAt: products.createdAt,
    updatedAt: products.updatedAt,
  };
  const byId = first(
    db
      .select(view)
      .from(products)
      .where(eq(products.id, sql.placeholder('id'))),
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
    /** Whether any product shows the image with this key. */
    hasImage: async (key: string) => (await withImage({ key })) !== undefined,
    async list({ page, limit, search }: ListRequest) {
      const pattern = escapeLike(search);
      const window = { pattern, limit, offset: (page - 1) * limit };
      const [data, row] = await Promise.all([listed(window), counted({ pattern })]);
      return { data, total: row?.total ?? 0 };
    },
  };
});
