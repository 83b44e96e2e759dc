import { drizzle } from 'drizzle-orm/postgres-js';
import { migrate } from 'drizzle-orm/postgres-js/migrator';
import { migrationsFolder, newestMigration, StoreTooNew } from '../migrate.ts';
import { type Client, openClient } from './connection.ts';

/** Of several nodes that start together, one migrates at a time. Any number that nobody else locks. */
const lock = 7_316_021_102;

/**
 * Applies the migrations that the schemas of the log and the vault lack.
 * @throws StoreTooNew
 */
export async function migrateSchemas(url: string): Promise<void> {
  // A client of its own, because Drizzle changes how its client reads times; one connection holds the lock.
  const sql = openClient(url, { max: 1, connection: { statement_timeout: 0, lock_timeout: 0 } });
  try {
    await sql`SELECT pg_advisory_lock(${lock})`;
    for (const store of ['log', 'vault'] as const) await migrateSchema(sql, store);
  } finally {
    await sql.end();
  }
}

async function migrateSchema(sql: Client, store: 'log' | 'vault') {
  const folder = migrationsFolder(store, 'postgres');
  await migrate(drizzle(sql), { migrationsFolder: folder, migrationsSchema: store });
  const [row] = await sql<{ newest: number | null }[]>`
    SELECT max(created_at) AS newest FROM ${sql(`${store}.__drizzle_migrations`)}`;
  if (Number(row?.newest ?? 0) > newestMigration(folder)) {
    throw new StoreTooNew(`The schema ${store}`);
  }
}
