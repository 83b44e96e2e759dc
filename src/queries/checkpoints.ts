import { eq, sql } from 'drizzle-orm';
import { checkpoints } from '../projections/checkpoints.ts';
import { defineQueries } from './read-db.ts';

export const checkpointQueries = defineQueries(
  { checkpoints },
  ({ checkpoints }, { db, first }) => {
    const of = first(
      db
        .select({ position: checkpoints.position, build: checkpoints.build })
        .from(checkpoints)
        .where(eq(checkpoints.projection, sql.placeholder('projection'))),
    );

    return {
      /** Where the rows of a projection stand, and which making of them it is. */
      of: (projection: string) => of({ projection }),
    };
  },
);
