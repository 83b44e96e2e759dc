// The read models of both engines as tests open them: with a way to look at every row that is kept.
import { Database } from 'bun:sqlite';
import { join } from 'node:path';
import { getTableName, type Table } from 'drizzle-orm';
import postgres from 'postgres';
import type { Projection } from '../kernel/projection.ts';
import type { BesideReadModel, ReadModel } from '../kernel/read-model.ts';
import { openPostgresReadModel, openPostgresRebuild } from '../postgres-rows.ts';
import { projections } from '../projections/index.ts';
import { openReadModel, openReadModelBeside } from '../storage/sqlite/read-model.ts';
import { temporaryDirectory } from './directory.ts';
import { freshDatabase } from './postgres.ts';
import { withoutBuild } from './rows.ts';

type Row = Readonly<Record<string, unknown>>;
type Closing = { readonly close: () => void | Promise<void> };

export type OpenedReadModel = Closing & {
  readonly readModel: ReadModel;
  readonly openBeside: (projections: readonly Projection[]) => Promise<BesideReadModel & Closing>;
  /** Every row of every table, in the order of their text, alike for each engine. */
  readonly dump: () => Promise<Readonly<Record<string, readonly string[]>>>;
  readonly run: (sql: string) => Promise<void>;
};

const tableNames = [
  'checkpoints',
  'parked_events',
  ...projections.flatMap(({ tables }) => tables.map((table) => getTableName(table as Table))),
];

export async function openSqliteRows(): Promise<OpenedReadModel & { readonly file: string }> {
  const directory = temporaryDirectory();
  const file = join(directory.path, 'read-model.db');
  const readModel = openReadModel(file);
  const rows = new Database(file);
  return {
    file,
    readModel,
    openBeside: async (chosen) =>
      openReadModelBeside(join(directory.path, 'beside.db'), file, chosen),
    dump: () => dumpOf(async (table) => rows.query<Row, []>(`SELECT * FROM ${table}`).all()),
    run: async (sql) => void rows.run(sql),
    close() {
      rows.close();
      readModel.close();
      directory.remove();
    },
  };
}

/** In a new database, which is dropped when they are closed. */
export async function openPostgresRows(): Promise<OpenedReadModel & { readonly url: string }> {
  const { url, drop } = await freshDatabase();
  const readModel = await openPostgresReadModel(url);
  const rows = postgres(url, {
    max: 1,
    connection: { search_path: 'read_model' },
    types: { position: { to: 20, from: [20], serialize: String, parse: Number } },
  });
  return {
    url,
    readModel,
    openBeside: (chosen) => openPostgresRebuild(url, chosen),
    dump: () => dumpOf((table) => rows.unsafe<Row[]>(`SELECT * FROM ${table}`)),
    run: async (sql) => void (await rows.unsafe(sql)),
    async close() {
      await rows.end();
      await readModel.close();
      await drop();
    },
  };
}

async function dumpOf(rowsOf: (table: string) => Promise<readonly Row[]>) {
  const tables: Record<string, readonly string[]> = {};
  for (const table of tableNames) {
    const rows = await rowsOf(table);
    tables[table] = rows.map((row) => JSON.stringify(withoutBuild(row), flagsAsNumbers)).toSorted();
  }
  return tables;
}

/** SQLite keeps flags as numbers. */
const flagsAsNumbers = (_: string, value: unknown) =>
  typeof value === 'boolean' ? Number(value) : value;
