import { count, desc, eq, or, sql } from 'drizzle-orm';
import { checkpoints } from '../projections/checkpoints.ts';
import { products, productsProjection } from '../projections/products.ts';
import { escapeLike, like, type ListRequest, type ReadDb } from './read-db.ts';

/** What clients may see of a product. */
export const productColumns = {
  id: products.id,
  name: products.name,
  sku: products.sku,
  priceCents: products.priceCents,
  createdBy: products.createdBy,
  version: products.version,
  createdAt: products.createdAt,
  updatedAt: products.updatedAt,
};

/** Statements are prepared once, here; calling one only binds and steps. */
export function productQueries(db: ReadDb) {
  const byId = db
    .select(productColumns)
    .from(products)
    .where(eq(products.id, sql.placeholder('id')))
    .prepare();
  const byIdAt = db
    .select({ position: checkpoints.position, build: checkpoints.build, row: productColumns })
    .from(checkpoints)
    .leftJoin(products, eq(products.id, sql.placeholder('id')))
    .where(eq(checkpoints.projection, productsProjection.name))
    .prepare();
  const matches = or(like(products.searchName), like(products.searchSku));
  const listed = db
    .select(productColumns)
    .from(products)
    .where(matches)
    .orderBy(desc(products.position))
    .limit(sql.placeholder('limit'))
    .offset(sql.placeholder('offset'))
    .prepare();
  const counted = db.select({ total: count() }).from(products).where(matches).prepare();

  return {
    byId: (id: string) => byId.get({ id }),
    /** The same, with the checkpoint that the rows stood at. */
    byIdAt: (id: string) => byIdAt.get({ id }),
    list({ page, limit, search }: ListRequest) {
      const pattern = escapeLike(search);
      const data = listed.all({ pattern, limit, offset: (page - 1) * limit });
      return { data, total: counted.get({ pattern })?.total ?? 0 };
    },
  };
}
