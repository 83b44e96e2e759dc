// Where the log and the rows stand, to decide whether a read has to wait.
import type { Position } from '../../kernel/stream.ts';
import { type Client, patiently } from './connection.ts';

/** Where the log ends, and up to where rows have come, at one moment. */
export type Standing = { readonly head: Position; readonly applied: Position };

type Row = { readonly head: Position; readonly applied: Position | null };

export type RowsOf = {
  /** Where the rows' checkpoints are. */
  readonly schema: string;
  /** Rows that another version has made do not count: they are no longer moved. */
  readonly projections: readonly { readonly name: string; readonly version: number }[];
};

export function createStandings(sql: Client) {
  return {
    /** @param none What is applied where no projection counts. */
    of({ schema, projections }: RowsOf, none: Position): () => Promise<Standing> {
      const names = projections.map(({ name, version }) => `${name} ${version}`);
      const checkpoints = sql(`${schema}.checkpoints`);
      return async () => {
        const [row] = await patiently(
          () => sql<Row[]>`
            SELECT position AS head,
              (SELECT min(position) FROM ${checkpoints}
               WHERE projection || ' ' || version = ANY (${names})) AS applied
            FROM log.head`,
        );
        return { head: row!.head, applied: row!.applied ?? none };
      };
    },

    /** The position of the newest event of a range that a person has caused; 0 for none. */
    async newestBy(actorId: string, { applied, head }: Standing): Promise<Position> {
      const [row] = await patiently(
        () => sql<{ position: Position }[]>`
          SELECT coalesce(max(position), 0) AS position FROM log.events
          WHERE position > ${applied} AND position <= ${head}
            AND meta::jsonb ->> 'actorId' = ${actorId}`,
      );
      return row!.position;
    },
  };
}

export type Standings = ReturnType<typeof createStandings>;
