// The read models of one file: rows, checkpoints and parked events, moved in one transaction.
import { Database } from 'bun:sqlite';
import { existsSync, renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { getTableConfig, type SQLiteTable } from 'drizzle-orm/sqlite-core';
import type { Projection, RowChange } from '../../kernel/projection.ts';
import {
  type BesideReadModel,
  type Checkpoint,
  CheckpointMoved,
  erases,
  type ParkedEvent,
  type ProjectionBatch,
  type ReadModel,
  UnappliableStep,
} from '../../kernel/read-model.ts';
import type { Position } from '../../kernel/stream.ts';
import { migrationsFolder } from '../migrate.ts';
import { closeWriter, migrateFile, openForWriting } from './connection.ts';
import { removeFile, removeUnfinishedRebuilds } from './rebuild-files.ts';
import { rowStatements } from './row-statements.ts';
import { createScrub, type Scrub } from './scrub.ts';

/**
 * Readers keep snapshots of up to 50 ms, so that an ordinary checkpoint may never find the WAL unused;
 * at this size the writer waits for them once and starts it over.
 */
const walBytesMax = 64 * 1_024 * 1_024;
const commitsBetweenLooks = 64;

const migrations = migrationsFolder('read-model', 'sqlite');

type CheckpointRow = Omit<Checkpoint, 'build'> & {
  readonly projection: string;
  readonly build: string | null;
};

export function openReadModel(file: string): ReadModel & { readonly close: () => void } {
  const database = openDisposable(file);
  const scrub = createScrub(database, () => removeUnfinishedRebuilds(dirname(file)));
  return {
    ...readModelOn(database, scrub),
    tidy: async () => scrub.run(),
    close: () => closeWriter(database),
  };
}

/** Rows that can be had again are not worth repairing: a damaged file gives way to an empty one. */
function openDisposable(file: string): Database {
  try {
    return openMigrated(file);
  } catch (error) {
    if (!isDamage(error)) throw error;
    removeFile(file);
    return openMigrated(file);
  }
}

function openMigrated(file: string): Database {
  const database = openForWriting(file, 'relaxed');
  migrateFile(database, migrations);
  return database;
}

function isDamage(error: unknown): boolean {
  return /^SQLITE_(?:NOTADB|CORRUPT)/.test(String((error as { code?: unknown }).code));
}

/**
 * Rows in a file of their own, that can take the place of those in `liveFile`.
 * @param projections Whose tables are built and swapped.
 */
export function openReadModelBeside(
  file: string,
  liveFile: string,
  projections: readonly Projection[],
): BesideReadModel & {
  readonly liveHead: () => Position;
  readonly takeOver: () => void;
  readonly close: () => void;
} {
  const own = openBeside(file);
  let isOpen = true;
  const live = openForWriting(liveFile, 'relaxed');
  migrateFile(live, migrations);
  live.run('PRAGMA secure_delete = ON');
  live.run('ATTACH ? AS beside', [file]);
  for (const projection of projections) forgetOtherVersion(live, projection);
  return {
    ...own,
    /** How far the live rows have come. */
    liveHead: () =>
      live
        .query<{ position: Position }, []>(
          'SELECT coalesce(max(position), 0) AS position FROM main.checkpoints',
        )
        .get()!.position,
    async swap(names, catchUp) {
      live.run('BEGIN');
      try {
        hold(live);
        const held = live
          .query<CheckpointRow, []>('SELECT * FROM main.checkpoints')
          .all()
          .filter(({ projection }) => names.includes(projection));
        await catchUp(Math.max(0, ...held.map(({ position }) => position)) as Position);
        for (const { name, tables } of projections.filter((one) => names.includes(one.name))) {
          for (const table of tables) replaceTable(live, getTableConfig(table as SQLiteTable).name);
          replaceRows(live, 'checkpoints', name);
          replaceRows(live, 'parked_events', name);
        }
        live.run('COMMIT');
      } catch (error) {
        live.run('ROLLBACK');
        throw error;
      }
    },
    /**
     * Puts the file in the place of the live one. Only for whoever holds the writer lock and has
     * built every projection: a reader that has the old file open would go on with it.
     */
    takeOver() {
      live.run('DETACH beside');
      for (const sql of indexesOf(live)) own.run(sql);
      this.close();
      removeFile(liveFile);
      renameSync(file, liveFile);
    },
    close() {
      if (!isOpen) return;
      isOpen = false;
      live.close();
      own.close();
    },
  };
}

/** The statements that make the secondary indexes. */
function indexesOf(database: Database): readonly string[] {
  return database
    .query<{ sql: string }, []>(
      "SELECT sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL",
    )
    .all()
    .map(({ sql }) => sql);
}

/**
 * Takes the write lock of the live file alone: `BEGIN IMMEDIATE` would take that of the attached one
 * too, where the rows are still to catch up.
 */
function hold(live: Database) {
  live.run('UPDATE main.checkpoints SET position = position WHERE false');
}

/** What an interrupted rebuild has left is of use only to the version that began it. */
function forgetOtherVersion(live: Database, { name, version, tables }: Projection) {
  const begun = live
    .query<{ version: number }, [string]>(
      'SELECT version FROM beside.checkpoints WHERE projection = ?',
    )
    .get(name);
  if (!begun || begun.version === version) return;
  live.transaction(() => {
    for (const table of tables)
      live.run(`DELETE FROM beside."${getTableConfig(table as SQLiteTable).name}"`);
    live.run('DELETE FROM beside.parked_events WHERE projection = ?', [name]);
    live.run('DELETE FROM beside.checkpoints WHERE projection = ?', [name]);
  })();
}

/**
 * Nothing but the swap reads these rows: no secondary indexes, no waiting for the disk. A rebuild that
 * was interrupted goes on, unless a power loss has damaged its file.
 */
function openBeside(file: string) {
  if (existsSync(file) && !isIntact(file)) removeFile(file);
  const database = openForWriting(file, 'none');
  migrateFile(database, migrations);
  const indexes = database
    .query<{ name: string }, []>(
      "SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL",
    )
    .all();
  for (const { name } of indexes) database.run(`DROP INDEX "${name}"`);
  const run = (sql: string) => void database.run(sql);
  const rows = readModelOn(database, createScrub(database));
  return { ...rows, run, close: () => database.close() };
}

function isIntact(file: string): boolean {
  const database = new Database(file);
  try {
    const row = database.query<{ quick_check: string }, []>('PRAGMA quick_check(1)').get();
    return row?.quick_check === 'ok';
  } catch (error) {
    if (isDamage(error)) return false;
    throw error;
  } finally {
    database.close();
  }
}

function replaceTable(live: Database, table: string) {
  live.run(`DELETE FROM main."${table}"`);
  live.run(`INSERT INTO main."${table}" SELECT * FROM beside."${table}" ORDER BY rowid`);
}

function replaceRows(live: Database, table: string, projection: string) {
  live.run(`DELETE FROM main.${table} WHERE projection = ?`, [projection]);
  live.run(`INSERT INTO main.${table} SELECT * FROM beside.${table} WHERE projection = ?`, [
    projection,
  ]);
}

function readModelOn(database: Database, scrub: Pick<Scrub, 'need'>): ReadModel {
  const run = rowStatements(database);
  const checkpoints = database.query<CheckpointRow, []>('SELECT * FROM checkpoints');
  const parked = database.query<ParkedEvent, []>('SELECT * FROM parked_events ORDER BY position');
  const begin = database.query(
    'INSERT OR IGNORE INTO checkpoints (projection, version, position, build) VALUES (?, ?, 0, ?)',
  );
  const advance = database.query(
    `UPDATE checkpoints SET position = ?1 WHERE projection = ?2 AND position = ?3
     AND (?4 IS NULL OR ?4 = coalesce(build, ''))`,
  );
  const park = database.query(
    'INSERT INTO parked_events (projection, position, stream, type, time, reason) VALUES (?, ?, ?, ?, ?, ?)',
  );
  const unpark = database.query('DELETE FROM parked_events WHERE projection = ? AND position = ?');
  const nameBuild = database.query('UPDATE checkpoints SET build = ? WHERE projection = ?');

  function applyBatch(whole: ProjectionBatch) {
    const { projection, from, to, build, steps, ...batch } = whole;
    if (advance.run(to, projection, from, build ?? null).changes !== 1)
      throw new CheckpointMoved(projection, from);
    for (const { position, changes } of steps) {
      try {
        for (const change of changes) run(change as RowChange<SQLiteTable>);
      } catch (error) {
        if (!isRefusalOfRows(error)) throw error;
        throw new UnappliableStep(projection, position, error.message);
      }
    }
    if (erases(whole)) scrub.need();
    for (const one of batch.parked) {
      park.run(projection, one.position, one.stream, one.type, one.time, one.reason);
    }
    for (const position of batch.unparked) unpark.run(projection, position);
    if (batch.unparked.length > 0) nameBuild.run(crypto.randomUUID(), projection);
  }

  let commits = 0;
  function boundWal() {
    commits += 1;
    if (commits % commitsBetweenLooks !== 0) return;
    const { size } = statSync(`${database.filename}-wal`);
    if (size > walBytesMax) database.run('PRAGMA wal_checkpoint(TRUNCATE)');
  }

  const applyAll = database.transaction((batches: readonly ProjectionBatch[]) =>
    batches.forEach(applyBatch),
  );
  return {
    checkpoints: async () =>
      new Map(
        checkpoints
          .all()
          .map(({ projection, build, ...at }) => [projection, { ...at, build: build ?? '' }]),
      ),
    parked: async () => parked.all(),
    begin: async (projection, version) => void begin.run(projection, version, crypto.randomUUID()),
    apply: async (batches) => {
      applyAll.immediate(batches);
      boundWal();
    },
  };
}

/** The rows refuse this event, now and whenever it is tried; any other failure may pass. */
function isRefusalOfRows(error: unknown): error is Error {
  if (error instanceof TypeError) return true; // a value that no column can hold
  const { name, code = '' } = error as { name?: string; code?: string };
  return name === 'NoSuchRow' || code.startsWith('SQLITE_CONSTRAINT') || code === 'SQLITE_MISMATCH';
}
