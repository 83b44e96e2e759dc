import { eq, sql } from 'drizzle-orm';
import { checkpoints } from '../projections/checkpoints.ts';
import type { ReadDb } from './read-db.ts';

export function checkpointQueries(db: ReadDb) {
  const of = db
    .select({ position: checkpoints.position, build: checkpoints.build })
    .from(checkpoints)
    .where(eq(checkpoints.projection, sql.placeholder('projection')))
    .prepare();

  return {
    /** Where the rows of a projection stand, and which making of them it is. */
    of: (projection: string) => of.get({ projection }),
  };
}
