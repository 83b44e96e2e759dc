// What a rebuild keeps beside the live rows until the swap, on either engine.
import { Database } from 'bun:sqlite';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { placeOf } from './engine.ts';

export type Beside = {
  /** The position that the rows have come to; undefined when there are none. */
  readonly reached: () => Promise<number | undefined>;
  readonly close: () => Promise<void>;
};

/** @param names Of the projections that are rebuilt together. */
export async function watchRebuild(directory: string, names: readonly string[]): Promise<Beside> {
  const { database, connect } = await placeOf(directory);
  if (database.engine === 'sqlite') {
    const file = join(directory, `rebuild-${names.toSorted().join('-')}.db`);
    return {
      reached: async () => (existsSync(file) ? reachedIn(file) : undefined),
      async close() {},
    };
  }
  const { run, close } = await connect('read-model');
  return {
    async reached() {
      const [place] = await run(
        `SELECT nspname AS name FROM pg_namespace WHERE starts_with(nspname, 'read_model_rebuild_')`,
      );
      if (place === undefined) return undefined;
      const [row] = await run(
        `SELECT coalesce(max(position), 0) AS position FROM "${place['name']}".checkpoints`,
      );
      return Number(row!['position']);
    },
    close,
  };
}

function reachedIn(file: string): number {
  try {
    const database = new Database(file, { readonly: true });
    const row = database
      .query<{ position: number }, []>('SELECT max(position) AS position FROM checkpoints')
      .get();
    database.close();
    return row?.position ?? 0;
  } catch {
    return 0; // it is just being made
  }
}
