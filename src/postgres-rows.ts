// The read side's parts on PostgreSQL, put together: what queries read, and what a projector writes.
import { drizzle } from 'drizzle-orm/postgres-js';
import type { SQLiteTable } from 'drizzle-orm/sqlite-core';
import type { Projection } from './kernel/projection.ts';
import { erases, type ReadModel } from './kernel/read-model.ts';
import { readModelSchema as schema, twinOf } from './projections/twins.ts';
import { postgresReads } from './queries/engines.ts';
import { createQueries, type Queries } from './queries/index.ts';
import { openClient, patiently, repeatedly } from './storage/postgres/connection.ts';
import { migrateReadModel } from './storage/postgres/migrate-read-model.ts';
import {
  openReadModelClient,
  postgresReadModel,
  type PostgresReadModelParts,
} from './storage/postgres/read-model.ts';
import {
  areRebuildsToBeDropped,
  dropUnfinishedRebuilds,
  openPostgresReadModelBeside,
  type PostgresBeside,
} from './storage/postgres/read-model-beside.ts';

const readersMax = 10;

type Closing = { readonly close: () => Promise<void> };

const tables = { schema, twinOf: (declared: unknown) => twinOf(declared as SQLiteTable) };

/** The queries on the read models of a database; whoever projects into it has migrated it. */
export function openPostgresReads(
  url: string,
  connections = readersMax,
): Closing & { readonly queries: Queries } {
  const sql = openClient(url, {
    max: connections,
    connection: { application_name: 'refold queries', default_transaction_read_only: true },
  });
  const queries = createQueries(postgresReads(drizzle(sql)));
  return { queries: patient(queries), close: () => sql.end() };
}

/** The same queries, each made again where the connection was lost: reading twice is harmless. */
function patient(queries: Queries): Queries {
  const repeated =
    (query: Query) =>
    (...given: never[]) =>
      patiently(() => query(...given));
  const groups = Object.entries<Readonly<Record<string, Query>>>(queries).map(([name, group]) => [
    name,
    Object.fromEntries(Object.entries(group).map(([name, query]) => [name, repeated(query)])),
  ]);
  return Object.fromEntries(groups) as Queries;
}

type Query = (...given: never[]) => Promise<unknown>;

/** @throws StoreTooNew */
export const migratePostgresRows = (url: string): Promise<void> =>
  repeatedly(() => migrateReadModel(url, schema));

/**
 * Migrates the read models and opens them for a projector.
 * @throws StoreTooNew
 * @param fence Throws in a transaction when the projector no longer owns its projections.
 */
export async function openPostgresReadModel(
  url: string,
  fence?: PostgresReadModelParts['fence'],
): Promise<ReadModel & Closing> {
  await migratePostgresRows(url);
  const sql = openReadModelClient(url);
  const parts = { sql, ...tables };
  const readModel = postgresReadModel(fence ? { ...parts, fence } : parts);
  /** Undefined: whoever moved the rows before may have left some. */
  let haveCopies: boolean | undefined;
  const removeCopies = async () => {
    haveCopies = !(await dropUnfinishedRebuilds(sql, schema));
  };
  return {
    ...readModel,
    async begin(name, version) {
      await readModel.begin(name, version);
      haveCopies = undefined;
    },
    async apply(batches) {
      if (batches.some(erases)) await removeCopies();
      await readModel.apply(batches);
    },
    async tidy() {
      haveCopies ??= await areRebuildsToBeDropped(sql, schema);
      if (haveCopies) await removeCopies();
    },
    close: () => sql.end(),
  };
}

/**
 * Migrates the read models and opens a place beside them, to build rows anew.
 * @throws StoreTooNew, RebuildRunning
 */
export async function openPostgresRebuild(
  url: string,
  projections: readonly Projection[],
): Promise<PostgresBeside> {
  await migratePostgresRows(url);
  // One transaction of it does nothing but hold a lock, all the while.
  const sql = openReadModelClient(url, 0);
  try {
    const beside = await openPostgresReadModelBeside({ sql, ...tables }, projections);
    const close = async () => {
      await beside.close();
      await sql.end();
    };
    return { ...beside, close };
  } catch (error) {
    await sql.end();
    throw error;
  }
}
