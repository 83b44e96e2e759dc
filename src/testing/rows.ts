// The oracle of the read models: what lies in the file, and what it must be. The second is folded in
// memory from the log by the projections' functions alone, without the projector and without SQL.
import { Database } from 'bun:sqlite';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { getTableConfig, type SQLiteColumn, type SQLiteTable } from 'drizzle-orm/sqlite-core';
import type { Config } from '../config.ts';
import { registry } from '../events/index.ts';
import type { Recorded } from '../kernel/event.ts';
import type { StoredEvent } from '../kernel/event-log.ts';
import type { RowChange } from '../kernel/projection.ts';
import { logStart, type Position } from '../kernel/stream.ts';
import { projections } from '../projections/index.ts';
import { createKeyEncryption } from '../storage/key-encryption.ts';
import { createKeyring } from '../storage/keyring.ts';
import { openClient } from '../storage/postgres/connection.ts';
import { openLogReader } from '../storage/sqlite/event-log.ts';
import { openVaultReader } from '../storage/sqlite/vault-reader.ts';

/** Each table's rows as lines of JSON, every column of them, sorted. */
export type Dump = Readonly<Record<string, readonly string[]>>;

type Row = Record<string, unknown>;

export function dumpReadModels(directory: string): Dump {
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

/** The same of a database, from one snapshot. */
export async function dumpDatabase(url: string): Promise<Dump> {
  const sql = openClient(url, { max: 1, connection: { search_path: 'read_model' } });
  try {
    return await sql.begin('isolation level repeatable read', async (transaction) => {
      const tables: [string, Row[]][] = [];
      for (const name of tableNames) {
        const rows = await transaction<Row[]>`SELECT * FROM ${sql(name)}`;
        tables.push([name, rows.map((row) => flagsAsNumbers(withoutBuild(row)))]);
      }
      return toDump(tables);
    });
  } finally {
    await sql.end();
  }
}

const tableNames = [
  'checkpoints',
  'parked_events',
  ...projections.flatMap(({ tables }) =>
    tables.map((table) => getTableConfig(table as SQLiteTable).name),
  ),
];

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

export async function readLog(directory: string): Promise<readonly StoredEvent[]> {
  const log = openLogReader(join(directory, 'log.db'));
  try {
    return await log.readAll(logStart, Number.MAX_SAFE_INTEGER);
  } finally {
    log.close();
  }
}

/** The rows that the events of a data directory make. */
export async function foldReadModels(directory: string): Promise<Dump> {
  const stored = await readLog(directory);
  const vault = openVaultReader(join(directory, 'vault.db'));
  const keyring = createKeyring(vault, createKeyEncryption(secretsOf(directory).crypto));
  const events = await registry.decode(stored, keyring);
  vault.close();
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

function secretsOf(directory: string): NonNullable<Config['secrets']> {
  return JSON.parse(readFileSync(join(directory, 'secrets.json'), 'utf8'));
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
