import { count, desc, eq, or, sql } from 'drizzle-orm';
import { users } from '../projections/users.ts';
import { escapeLike, like, type ListRequest, type ReadDb } from './read-db.ts';

const view = {
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
    .select(view)
    .from(users)
    .where(eq(users.id, sql.placeholder('id')))
    .prepare();
  const matches = or(like(users.searchEmail), like(users.searchName));
  const listed = db
    .select(view)
    .from(users)
    .where(matches)
    .orderBy(desc(users.position))
    .limit(sql.placeholder('limit'))
    .offset(sql.placeholder('offset'))
    .prepare();
  const counted = db.select({ total: count() }).from(users).where(matches).prepare();

  return {
    byId: (id: string) => byId.get({ id }),
    list({ page, limit, search }: ListRequest) {
      const pattern = escapeLike(search);
      const data = listed.all({ pattern, limit, offset: (page - 1) * limit });
      return { data, total: counted.get({ pattern })?.total ?? 0 };
    },
  };
}
