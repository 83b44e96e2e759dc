// How each engine prepares and runs a query. PostgreSQL's builders are given to the queries under the
// types of SQLite's: twins have the same rows (src/projections/twins.ts), and what differs is in here.
import type { BunSQLiteDatabase } from 'drizzle-orm/bun-sqlite';
import type { PostgresJsDatabase } from 'drizzle-orm/postgres-js';
import { keptText } from '../kernel/read-model.ts';
import { twinOf } from '../projections/twins.ts';
import type { Preparable, ReadDb } from './read-db.ts';

type Values = Readonly<Record<string, unknown>>;
type PostgresQuery<Row> = {
  readonly prepare: (name: string) => { readonly execute: (values: Values) => Promise<Row[]> };
};

/** Statements read in the very call, before anything else can happen; only the answer is a promise. */
export function sqliteReads(db: BunSQLiteDatabase): ReadDb {
  return {
    db,
    tableOf: (declared) => declared,
    all(query) {
      const statement = query.prepare();
      return async (values) => statement.all(kept(values));
    },
    first(query) {
      const statement = query.prepare();
      return async (values) => statement.get(kept(values));
    },
  };
}

/** @param db On a client of its own, because Drizzle changes how its client reads times and JSON. */
export function postgresReads(db: PostgresJsDatabase): ReadDb {
  function prepare<Row>(query: Preparable<Row>) {
    const statement = (query as unknown as PostgresQuery<Row>).prepare('kept by the connection');
    return { execute: (values: Values) => statement.execute(values).catch(throwCause) };
  }
  return {
    db: db as unknown as ReadDb['db'],
    tableOf: (declared) => twinOf(declared) as unknown as typeof declared,
    all(query) {
      const statement = prepare(query);
      return (values) => statement.execute(kept(values));
    },
    first(query) {
      const statement = prepare(query);
      return async (values) => (await statement.execute(kept(values)))[0];
    },
  };
}

/** What Drizzle throws has the values in its message, which may be personal: its cause has not. */
function throwCause(error: unknown): never {
  throw (error as { readonly cause?: unknown }).cause ?? error;
}

/** Looks for texts as they are kept. */
function kept(values: Values): Record<string, unknown> {
  const bound: Record<string, unknown> = {};
  for (const name in values) {
    const value = values[name];
    bound[name] = typeof value === 'string' ? keptText(value) : value;
  }
  return bound;
}
