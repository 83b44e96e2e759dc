import { count, desc, eq, min, or, sql } from 'drizzle-orm';
import { checkpoints } from '../projections/checkpoints.ts';
import { users, usersProjection } from '../projections/users.ts';
import { escapeLike, like, type ListRequest, type ReadDb } from './read-db.ts';

/** What the person concerned and admins may see of a user. */
export const userColumns = {
  id: users.id,
  email: users.email,
  name: users.name,
  role: users.role,
  version: users.version,
  createdAt: users.createdAt,
  updatedAt: users.updatedAt,
};

/** Statements are prepared once, here; calling one only binds and steps. */
export function userQueries(db: ReadDb) {
  const byId = db
    .select(userColumns)
    .from(users)
    .where(eq(users.id, sql.placeholder('id')))
    .prepare();
  const byIdAt = db
    .select({ position: checkpoints.position, build: checkpoints.build, row: userColumns })
    .from(checkpoints)
    .leftJoin(users, eq(users.id, sql.placeholder('id')))
    .where(eq(checkpoints.projection, usersProjection.name))
    .prepare();
  const named = db
    .select({ name: users.searchName, id: min(users.id), holders: count() })
    .from(users)
    .where(sql`${users.searchName} IN (SELECT value FROM json_each(${sql.placeholder('names')}))`)
    .groupBy(users.searchName)
    .prepare();
  const matches = or(like(users.searchEmail), like(users.searchName));
  const listed = db
    .select(userColumns)
    .from(users)
    .where(matches)
    .orderBy(desc(users.position))
    .limit(sql.placeholder('limit'))
    .offset(sql.placeholder('offset'))
    .prepare();
  const counted = db.select({ total: count() }).from(users).where(matches).prepare();

  return {
    byId: (id: string) => byId.get({ id }),
    /** The same, with the checkpoint that the rows stood at. */
    byIdAt: (id: string) => byIdAt.get({ id }),
    /** Who bears these names, which are in lower case and NFC; how many do, and one of them. */
    named: (names: readonly string[]) => named.all({ names: JSON.stringify(names) }),
    list({ page, limit, search }: ListRequest) {
      const pattern = escapeLike(search);
      const data = listed.all({ pattern, limit, offset: (page - 1) * limit });
      return { data, total: counted.get({ pattern })?.total ?? 0 };
    },
  };
}
