import { count, desc, eq, min, or, sql } from 'drizzle-orm';
import { checkpoints } from '../projections/checkpoints.ts';
import { users, usersProjection } from '../projections/users.ts';
import { defineQueries, escapeLike, like, type ListRequest } from './read-db.ts';

/** What clients may see of them. */
const columnsOf = (table: typeof users) => ({
  id: table.id,
  email: table.email,
  name: table.name,
  role: table.role,
  version: table.version,
  createdAt: table.createdAt,
  updatedAt: table.updatedAt,
});

/** Their names: cached answers are of this shape. */
export const userFields = Object.keys(columnsOf(users));

export const userQueries = defineQueries({ users, checkpoints }, (tables, { db, all, first }) => {
  const { users, checkpoints } = tables;
  const view = columnsOf(users);
  const byId = first(
    db
      .select(view)
      .from(users)
      .where(eq(users.id, sql.placeholder('id'))),
  );
  const byIdAt = first(
    db
      .select({ position: checkpoints.position, build: checkpoints.build, row: view })
      .from(checkpoints)
      .leftJoin(users, eq(users.id, sql.placeholder('id')))
      .where(eq(checkpoints.projection, usersProjection.name)),
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
    /** The same, with the checkpoint that the rows stood at. */
    byIdAt: (id: string) => byIdAt({ id }),
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
