import { count, desc, eq, min, or, sql } from 'drizzle-orm';
import { users } from '../projections/users.ts';
import { defineQueries, escapeLike, like, type ListRequest } from './read-db.ts';

export const userQueries = defineQueries({ users }, ({ users }, { db, all, first }) => {
  const view = {
    id: users.id,
    email: users.email,
    name: users.name,
    role: users.role,
    version: users.version,
    createdAt: users.createdAt,
    updatedAt: users.updatedAt,
  };
  const byId = first(
    db
      .select(view)
      .from(users)
      .where(eq(users.id, sql.placeholder('id'))),
  );
  const named = first(
    db
      .select({ name: users.searchName, id: min(users.id), holders: count() })
      .from(users)
      .where(eq(users.searchName, sql.placeholder('name')))
      .groupBy(users.searchName),
  );
  const matches = or(like(users.searchEmail), like(users.searchName));
  const listed = all(
    db
      .select(view)
      .from(users)
      .where(matches)
      .orderBy(desc(users.position))
      .limit(sql.placeholder('limit'))
      .offset(sql.placeholder('offset')),
  );
  const counted = first(db.select({ total: count() }).from(users).where(matches));

  return {
    byId: (id: string) => byId({ id }),
    /** Who bears these names, which are in lower case and NFC; how many do, and one of them. */
    async named(names: readonly string[]) {
      const found = await Promise.all([...new Set(names)].map((name) => named({ name })));
      return found.filter((row) => row !== undefined);
    },
    async list({ page, limit, search }: ListRequest) {
      const pattern = escapeLike(search);
      const window = { pattern, limit, offset: (page - 1) * limit };
      const [data, row] = await Promise.all([listed(window), counted({ pattern })]);
      return { data, total: row?.total ?? 0 };
    },
  };
});
