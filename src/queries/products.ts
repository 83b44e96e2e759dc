import { count, desc, eq, or, sql } from 'drizzle-orm';
import { products } from '../projections/products.ts';
import { escapeLike, like, type ListRequest, type ReadDb } from './read-db.ts';

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

/** Statements are prepared once, here; calling one only binds and steps. */
export function productQueries(db: ReadDb) {
  const byId = db
    .select(view)
    .from(products)
    .where(eq(products.id, sql.placeholder('id')))
    .prepare();
  const withImage = db
    .select({ id: products.id })
    .from(products)
    .where(eq(products.imageKey, sql.placeholder('key')))
    .limit(1)
    .prepare();
  const matches = or(like(products.searchName), like(products.searchSku));
  const listed = db
    .select(view)
    .from(products)
    .where(matches)
    .orderBy(desc(products.position))
    .limit(sql.placeholder('limit'))
    .offset(sql.placeholder('offset'))
    .prepare();
  const counted = db.select({ total: count() }).from(products).where(matches).prepare();

  return {
    byId: (id: string) => byId.get({ id }),
    /** Whether any product shows the image with this key. */
    hasImage: (key: string) => withImage.get({ key }) !== undefined,
    list({ page, limit, search }: ListRequest) {
      const pattern = escapeLike(search);
      const data = listed.all({ pattern, limit, offset: (page - 1) * limit });
      return { data, total: counted.get({ pattern })?.total ?? 0 };
    },
  };
}
