// Rows that are built in a schema of their own and then moved to where the live ones are. Readers name
// tables, not places: those that come during the swap wait for some milliseconds and read the new rows.
import { setTimeout as sleep } from 'node:timers/promises';
import type { PostgresError } from 'postgres';
import type { Projection } from '../../kernel/projection.ts';
import type { BesideReadModel } from '../../kernel/read-model.ts';
import type { Position } from '../../kernel/stream.ts';
import { RebuildRunning } from '../rebuild-running.ts';
import { sha256 } from '../sha256.ts';
import type { Client } from './connection.ts';
import {
  asleepMsMax,
  type PostgresReadModelParts,
  postgresReadModel,
  type Transaction,
} from './read-model.ts';
import { rowTables } from './row-tables.ts';

/** Readers wait no longer than this behind a swap that itself waits for a reader that takes its time. */
const lockMsMax = 100;
const lockAttemptsMax = 100;
const lockPauseMs = 100;
/** The last events before a swap, for which all others wait, take no longer than this. */
const catchUpMsMax = 30_000;

const ownTables = ['checkpoints', 'parked_events'];

export type PostgresBeside = BesideReadModel & {
  /** How far the live rows have come. */
  readonly liveHead: () => Promise<Position>;
  /** Leaves an unfinished rebuild for the next one to go on with. */
  readonly close: () => Promise<void>;
};

/**
 * @param parts `schema` is that of the live rows.
 * @param projections Whose tables are built and swapped.
 * @throws RebuildRunning
 */
export async function openPostgresReadModelBeside(
  { sql, schema, twinOf }: Omit<PostgresReadModelParts, 'fence'>,
  projections: readonly Projection[],
): Promise<PostgresBeside> {
  const tableOf = rowTables(twinOf);
  const names = projections.map(({ name }) => name).toSorted();
  const tables = projections.flatMap((one) => one.tables.map((table) => tableOf(table).name));
  const place = placeOf(schema, projections);
  const release = await lockFor(sql, [place.family, ...names.map((name) => `${schema} ${name}`)]);
  if (!release) throw new RebuildRunning(names);
  try {
    await prepare(sql, schema, place, [...tables, ...ownTables]);
  } catch (error) {
    await release();
    throw error;
  }

  return {
    ...postgresReadModel({ sql, schema: place.schema, twinOf }),

    async liveHead() {
      const [row] = await sql<{ position: Position }[]>`
        SELECT coalesce(max(position), 0) AS position FROM ${sql(`${schema}.checkpoints`)}`;
      return row!.position;
    },

    async swap(wanted, catchUp) {
      const chosen = projections.filter(({ name }) => wanted.includes(name));
      const moved = chosen.flatMap((one) => one.tables.map((table) => tableOf(table).name));
      for (const table of moved) await finish(sql, { from: schema, to: place.schema, table });
      await sql.begin(async (transaction) => {
        await wakefulFor(transaction, catchUpMsMax);
        const live = await transaction<{ position: Position }[]>`
          SELECT position FROM ${sql(`${schema}.checkpoints`)}
          WHERE projection IN ${sql(names)} ORDER BY projection FOR UPDATE`;
        await catchUp(Math.max(0, ...live.map(({ position }) => position)) as Position);
        await wakefulFor(transaction, asleepMsMax);
        await lockTables(transaction, schema, moved);
        for (const table of moved) {
          await transaction.unsafe(`DROP TABLE "${schema}"."${table}"`);
          await transaction.unsafe(
            `ALTER TABLE "${place.schema}"."${table}" SET SCHEMA "${schema}"`,
          );
        }
        for (const { name } of chosen) await moveProgress(transaction, schema, place.schema, name);
        if (chosen.length === projections.length)
          await transaction.unsafe(`DROP SCHEMA "${place.schema}" CASCADE`);
      });
    },

    close: release,
  };
}

/** Lets go of what a swap has locked when this process falls asleep over it: nobody moves rows meanwhile. */
const wakefulFor = (transaction: Transaction, ms: number) =>
  transaction.unsafe(`SET LOCAL idle_in_transaction_session_timeout = '${ms}ms'`);

/**
 * Locks that end with their connection, held by a transaction that does nothing else: for the place, and for each
 * projection, since a swap takes away the tables that another one copies.
 * @returns How to release them; undefined when somebody else has one.
 */
async function lockFor(
  sql: Client,
  named: readonly string[],
): Promise<(() => Promise<void>) | undefined> {
  const released = Promise.withResolvers<void>();
  const taken = Promise.withResolvers<boolean>();
  const holding = sql.begin(async (transaction) => {
    let isFree = true;
    for (const name of named) isFree &&= await tryLock(transaction, name);
    taken.resolve(isFree);
    if (isFree) await released.promise;
  });
  const over = holding.catch(taken.reject); // once it is taken: the connection is gone, and the lock with it
  if (!(await taken.promise)) return undefined;
  return async () => {
    released.resolve();
    await over;
  };
}

async function tryLock(transaction: Transaction, name: string): Promise<boolean> {
  const [row] = await transaction<{ isFree: boolean }[]>`
    SELECT pg_try_advisory_xact_lock(hashtextextended(${name}, 0)) AS "isFree"`;
  return row!.isFree;
}

/** Of a rebuild that was running when somebody was erased: for whoever comes after this process. */
const toBeDropped = 'holds somebody who is erased';

/**
 * Removes what interrupted rebuilds have left: what it holds of a person who is erased would be found by nobody
 * else. Answers whether all of it is gone: a rebuild that is running is not, and meets the erasure itself.
 */
export async function dropUnfinishedRebuilds(sql: Client, live: string): Promise<boolean> {
  let areGone = true;
  for (const schema of await schemasBeginning(sql, rebuildsOf(live))) {
    const family = schema.slice(0, schema.lastIndexOf('_'));
    await sql.begin(async (transaction) => {
      if (await tryLock(transaction, family))
        await transaction.unsafe(`DROP SCHEMA IF EXISTS "${schema}" CASCADE`);
      else {
        areGone = false;
        await transaction.unsafe(`COMMENT ON SCHEMA "${schema}" IS '${toBeDropped}'`);
      }
    });
  }
  return areGone;
}

/** Whether a rebuild has been left to be dropped, by this process or by one that is gone. */
export async function areRebuildsToBeDropped(sql: Client, live: string): Promise<boolean> {
  const found = await sql`
    SELECT FROM pg_namespace
    WHERE starts_with(nspname, ${rebuildsOf(live)})
      AND obj_description(oid, 'pg_namespace') = ${toBeDropped}`;
  return found.length > 0;
}

const rebuildsOf = (live: string) => `${live}_rebuild_`;

async function schemasBeginning(sql: Client, prefix: string): Promise<readonly string[]> {
  const found = await sql<{ name: string }[]>`
    SELECT nspname AS name FROM pg_namespace WHERE starts_with(nspname, ${prefix})`;
  return found.map(({ name }) => name);
}

type Place = { readonly family: string; readonly schema: string };

/** The same projections at the same versions are built in the same place. */
function placeOf(live: string, projections: readonly Projection[]): Place {
  const short = (text: string) => sha256(text).slice(0, 10);
  const sorted = projections.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const family = `${live}_rebuild_${short(sorted.map(({ name }) => name).join())}`;
  const versions = sorted.map(({ name, version }) => `${name} ${version}`).join();
  return { family, schema: `${family}_${short(versions)}` };
}

/** What an interrupted rebuild has left is of use only to the versions that began it. */
async function prepare(
  sql: Client,
  live: string,
  { family, schema }: Place,
  tables: readonly string[],
): Promise<void> {
  const begun = await schemasBeginning(sql, `${family}_`);
  for (const name of begun) {
    if (name !== schema) await sql.unsafe(`DROP SCHEMA "${name}" CASCADE`);
  }
  if (begun.includes(schema)) return;
  await sql.begin(async (transaction) => {
    await transaction.unsafe(`CREATE SCHEMA "${schema}"`);
    for (const table of tables) {
      await transaction.unsafe(
        `CREATE TABLE "${schema}"."${table}" (LIKE "${live}"."${table}" INCLUDING ALL EXCLUDING INDEXES)`,
      );
      await makeIndexes(transaction, { from: live, to: schema, table }, isRule);
    }
  });
}

type Copying = { readonly from: string; readonly to: string; readonly table: string };
type IndexRow = {
  readonly name: string;
  readonly definition: string;
  readonly isPrimary: boolean;
  readonly isUnique: boolean;
};

/** Rules on rows hold from the start; what only makes reading quick comes when the rows are there. */
const isRule = ({ isUnique }: IndexRow) => isUnique;

async function makeIndexes(
  sql: Client | Transaction,
  { from, to, table }: Copying,
  isWanted: (index: IndexRow) => boolean,
): Promise<void> {
  const indexes = await sql<IndexRow[]>`
    SELECT index.relname AS name, indisprimary AS "isPrimary", indisunique AS "isUnique",
      CASE WHEN indisprimary THEN pg_get_constraintdef(con.oid) ELSE pg_get_indexdef(indexrelid) END
        AS definition
    FROM pg_index
    JOIN pg_class index ON index.oid = indexrelid
    JOIN pg_class tab ON tab.oid = indrelid
    JOIN pg_namespace place ON place.oid = tab.relnamespace
    LEFT JOIN pg_constraint con ON con.conindid = indexrelid AND con.contype = 'p'
    WHERE place.nspname = ${from} AND tab.relname = ${table}
      AND to_regclass(${to} || '.' || quote_ident(index.relname)) IS NULL
    ORDER BY index.relname`;
  for (const one of indexes.filter(isWanted)) {
    await sql.unsafe(
      one.isPrimary
        ? `ALTER TABLE "${to}"."${table}" ADD CONSTRAINT "${one.name}" ${one.definition}`
        : one.definition.replace(` ON ${from}.`, ` ON "${to}".`),
    );
  }
}

/** Makes the rows as quick to read as the live ones, which may take a while. */
async function finish(sql: Client, copying: Copying): Promise<void> {
  await makeIndexes(sql, copying, () => true);
  await sql.unsafe(`ANALYZE "${copying.to}"."${copying.table}"`);
}

/**
 * Readers go first: a swap that waits makes everybody behind it wait, so it gives up and tries again.
 * @throws PostgresError 55P03 when one reader holds a table all the while.
 */
async function lockTables(transaction: Transaction, schema: string, tables: readonly string[]) {
  const list = tables.map((table) => `"${schema}"."${table}"`).join(', ');
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await transaction.savepoint(async (savepoint) => {
        await savepoint.unsafe(`SET LOCAL lock_timeout = '${lockMsMax}ms'`);
        await savepoint.unsafe(`LOCK TABLE ${list} IN ACCESS EXCLUSIVE MODE`);
      });
    } catch (error) {
      const isBusy = (error as Partial<PostgresError>).code === '55P03';
      if (!isBusy || attempt === lockAttemptsMax) throw error;
    }
    await sleep(lockPauseMs);
  }
}

async function moveProgress(transaction: Transaction, live: string, beside: string, name: string) {
  await transaction.unsafe(
    `INSERT INTO "${live}".checkpoints SELECT * FROM "${beside}".checkpoints WHERE projection = $1
     ON CONFLICT (projection) DO UPDATE
     SET version = excluded.version, position = excluded.position, build = excluded.build`,
    [name],
  );
  await transaction.unsafe(`DELETE FROM "${live}".parked_events WHERE projection = $1`, [name]);
  await transaction.unsafe(
    `INSERT INTO "${live}".parked_events
     SELECT * FROM "${beside}".parked_events WHERE projection = $1`,
    [name],
  );
}
