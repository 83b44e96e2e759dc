import { drizzle } from 'drizzle-orm/postgres-js';
import { migrate } from 'drizzle-orm/postgres-js/migrator';
import { migrationsFolder, newestMigration, StoreTooNew } from '../migrate.ts';
import { openClient } from './connection.ts';

const folder = migrationsFolder('read-model', 'postgres');
/** Any number that nobody else locks. */
const lock = 7_316_021_101;

/**
 * Applies the migrations that the read models lack; of several nodes that start together, one after another.
 * @throws StoreTooNew
 */
export async function migrateReadModel(url: string, schema: string): Promise<void> {
  // Of its own, because Drizzle changes how its client reads times; one connection holds the lock.
  const sql = openClient(url, { max: 1, connection: { statement_timeout: 0, lock_timeout: 0 } });
  // Beside the tables, which `db:push` compares with the declarations and would rid of anything else.
  const migrationsSchema = `${schema}_migrations`;
  try {
    await sql`SELECT pg_advisory_lock(${lock})`;
    await migrate(drizzle(sql), { migrationsFolder: folder, migrationsSchema });
    const [row] = await sql<{ newest: string | null }[]>`
      SELECT max(created_at) AS newest FROM ${sql(`${migrationsSchema}.__drizzle_migrations`)}`;
    if (Number(row?.newest ?? 0) > newestMigration(folder))
      throw new StoreTooNew(`The schema ${schema}`);
  } finally {
    await sql.end();
  }
}
