// The oracle of the read models: what the stores hold, and what it must be. The second is folded in
// memory from the log by the projections' functions alone, without the projector and without SQL.
import { Database } from 'bun:sqlite';
import { join } from 'node:path';
import { getTableConfig, type SQLiteColumn, type SQLiteTable } from 'drizzle-orm/sqlite-core';
import { registry } from '../events/index.ts';
import type { Recorded } from '../kernel/event.ts';
import type { EventLog, StoredEvent } from '../kernel/event-log.ts';
import type { RowChange } from '../kernel/projection.ts';
import { logStart, type Position } from '../kernel/stream.ts';
import { projections } from '../projections/index.ts';
import { developmentSecrets } from '../secrets.ts';
import { createKeyEncryption } from '../storage/key-encryption.ts';
import { createKeyring } from '../storage/keyring.ts';
import { openClient } from '../storage/postgres/connection.ts';
import { openPostgresLog } from '../storage/postgres/event-log.ts';
import { createVaultReader } from '../storage/postgres/vault-reader.ts';
import { openLogReader } from '../storage/sqlite/event-log.ts';
import { openVaultReader } from '../storage/sqlite/vault-reader.ts';
import { placeOf } from './engine.ts';

/** Each table's rows as lines of JSON, every column of them, sorted. */
export type Dump = Readonly<Record<string, readonly string[]>>;

type Row = Record<string, unknown>;

/** Of the stores of a data directory, from one snapshot. */
export async function dumpReadModels(directory: string): Promise<Dump> {
  const { database } = await placeOf(directory);
  return database.engine === 'postgres' ? await dumpDatabase(database.url) : dumpFile(directory);
}

function dumpFile(directory: string): Dump {
  const database = new Database(join(directory, 'read-model.db'), { readonly: true });
  try {
    return database.transaction(() => {
      const tables = database
        .query<{ name: string }, []>(
          "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name",
        )
        .all()
        .filter(({ name }) => !/^(?:sqlite_|__drizzle)/.test(name));
      return toDump(
        tables.map(({ name }) => {
          const rows = database.query<Row, []>(`SELECT * FROM "${name}"`).all();
          return [name, rows.map(withoutBuild)];
        }),
      );
    })();
  } finally {
    database.close();
  }
}

/** Of a database, from one snapshot. */
export async function dumpDatabase(url: string): Promise<Dump> {
  const sql = openClient(url, { max: 1, connection: { search_path: 'read_model' } });
  try {
    return await sql.begin('isolation level repeatable read', async (transaction) => {
      const names = await transaction<{ name: string }[]>`
        SELECT tablename AS name FROM pg_tables WHERE schemaname = 'read_model'`;
      const tables: [string, Row[]][] = [];
      for (const { name } of names) {
        const rows = await transaction<Row[]>`SELECT * FROM ${sql(name)}`;
        tables.push([name, rows.map((row) => flagsAsNumbers(withoutBuild(row)))]);
      }
      return toDump(tables);
    });
  } finally {
    await sql.end();
  }
}

/** SQLite keeps flags as numbers. */
function flagsAsNumbers(row: Row): Row {
  return Object.fromEntries(
    Object.entries(row).map(([column, value]) => [
      column,
      typeof value === 'boolean' ? Number(value) : value,
    ]),
  );
}

/** The name of a build is made at random. */
export function withoutBuild(row: Row): Row {
  return Object.fromEntries(Object.entries(row).filter(([column]) => column !== 'build'));
}

type ReadLog = Pick<EventLog, 'readAll' | 'head'> & { readonly close: () => void | Promise<void> };

/** The log of a data directory, for reading. */
export async function openLog(directory: string): Promise<ReadLog> {
  const { database } = await placeOf(directory);
  if (database.engine === 'postgres') return openPostgresLog(database.url);
  return openLogReader(join(directory, 'log.db'));
}

export async function readLog(directory: string): Promise<readonly StoredEvent[]> {
  const log = await openLog(directory);
  try {
    return await log.readAll(logStart, Number.MAX_SAFE_INTEGER);
  } finally {
    await log.close();
  }
}

async function openVault(directory: string) {
  const { database } = await placeOf(directory);
  if (database.engine === 'sqlite') return openVaultReader(join(directory, 'vault.db'));
  const sql = openClient(database.url, { max: 1 });
  return { ...createVaultReader(sql), close: () => sql.end() };
}

/** The rows that the events of a data directory make. */
export async function foldReadModels(directory: string): Promise<Dump> {
  const stored = await readLog(directory);
  const vault = await openVault(directory);
  const { crypto } = developmentSecrets(directory);
  const keyring = createKeyring(vault, createKeyEncryption(crypto));
  const events = await registry.decode(stored, keyring);
  await vault.close();
  return foldEvents(events);
}

/** The rows that these events make, which are all that there are. */
export function foldEvents(events: readonly Recorded[]): Dump {
  const rows = memoryRows();
  for (const event of events) {
    for (const { changesOf } of projections) changesOf(event).forEach(rows.apply);
  }
  const head = events.at(-1)?.position ?? (0 as Position);
  const checkpoints = projections.map(({ name: projection, version }) => {
    return { projection, version, position: head };
  });
  return toDump([...rows.tables(), ['checkpoints', checkpoints], ['parked_events', []]]);
}

/** The lines that stand in one dump alone, at most a few; none means that they are equal. */
export function differences(actual: Dump, expected: Dump): readonly string[] {
  const lines: string[] = [];
  for (const table of new Set([...Object.keys(actual), ...Object.keys(expected)])) {
    const [left, right] = [actual[table] ?? ['no table'], expected[table] ?? ['no table']];
    if (left.join('\n') === right.join('\n')) continue;
    const [leftSet, rightSet] = [new Set(left), new Set(right)];
    lines.push(`${table}: ${left.length} rows instead of ${right.length}`);
    lines.push(
      ...left
        .filter((row) => !rightSet.has(row))
        .slice(0, 3)
        .map((row) => `+ ${row}`),
    );
    lines.push(
      ...right
        .filter((row) => !leftSet.has(row))
        .slice(0, 3)
        .map((row) => `- ${row}`),
    );
  }
  return lines;
}

function toDump(tables: readonly (readonly [string, readonly Row[]])[]): Dump {
  const lines = tables.map(([name, rows]) => [name, rows.map(toLine).toSorted()] as const);
  return Object.fromEntries(lines.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** Columns that were added later lie last in a file, wherever they are declared. */
function toLine(row: Row): string {
  return JSON.stringify(
    Object.fromEntries(Object.entries(row).toSorted(([a], [b]) => (a < b ? -1 : 1))),
  );
}

function memoryRows() {
  const tables = projections
    .flatMap((one) => one.tables as readonly SQLiteTable[])
    .map((table) => {
      const { name } = getTableConfig(table);
      const columns = getTableConfig(table).columns.map((column) => {
        return { column, property: propertyOf(table, column) };
      });
      return { table, name, columns, rows: new Map<unknown, Row>() };
    });

  function apply(change: RowChange): void {
    const { columns, rows } = tables.find(({ table }) => table === change.table)!;
    const toRow = (values: Row) =>
      Object.fromEntries(
        columns
          .filter(({ property }) => property in values)
          .map(({ column, property }) => [column.name, column.mapToDriverValue(values[property])]),
      );
    const keys = columns.filter(({ column }) => column.primary);
    const keyOf = (values: Row) => JSON.stringify(keys.map(({ property }) => values[property]));
    if (change.kind === 'insert') {
      const empty = Object.fromEntries(columns.map(({ column }) => [column.name, null]));
      rows.set(keyOf(change.row), { ...empty, ...toRow(change.row) });
      return;
    }
    if (change.kind === 'erase') {
      const sought = Object.entries(toRow(change.key));
      for (const [key, row] of rows) {
        if (!sought.every(([name, value]) => row[name] === value)) continue;
        if (change.values) Object.assign(row, toRow(change.values));
        else rows.delete(key);
      }
      return;
    }
    const row = rows.get(keyOf(change.key));
    if (!row) throw new Error(`There is no row ${JSON.stringify(change.key)}.`);
    if (change.kind === 'remove') rows.delete(keyOf(change.key));
    if (change.kind === 'patch') Object.assign(row, toRow(change.values));
    if (change.kind !== 'increment') return;
    for (const [name, by] of Object.entries(toRow(change.by)))
      row[name] = Number(row[name]) + Number(by);
  }

  return {
    apply,
    tables: () => tables.map(({ name, rows }) => [name, [...rows.values()]] as const),
  };
}

function propertyOf(table: SQLiteTable, column: SQLiteColumn): string {
  const found = Object.entries(table).find(([, value]) => value === column);
  if (!found) throw new Error(`${column.name} is no column of this table.`);
  return found[0];
}
