import { Database } from 'bun:sqlite';
import { drizzle } from 'drizzle-orm/bun-sqlite';
import { migrate } from 'drizzle-orm/bun-sqlite/migrator';
import { newestMigration, StoreTooNew } from '../migrate.ts';

const busyTimeoutMs = 5_000;
/** How long a WAL grows before it is copied into its file, in pages of 4 KiB. */
export const walPagesMax = 8_000;

export type Durability =
  /** Survives a power loss once it is committed. */
  | 'full'
  /** Survives a power loss once its WAL has been synced, which is left to the caller, as checkpoints are. */
  | 'synced'
  /** Survives the death of the process; a power loss may take the newest commits, never the file. */
  | 'relaxed'
  /** Survives the death of the process; a power loss may take the file. */
  | 'none';

const synchronous: Record<Durability, string> = {
  full: 'FULL',
  synced: 'NORMAL',
  relaxed: 'NORMAL',
  none: 'OFF',
};

/** A connection that writes. WAL, so that readers and the writer never wait for each other. */
export function openForWriting(file: string, durability: Durability): Database {
  const database = new Database(file, { create: true, strict: true });
  database.run(`PRAGMA busy_timeout = ${busyTimeoutMs}`);
  // What nobody reads meanwhile is written once, not to a WAL first.
  database.run(`PRAGMA journal_mode = ${durability === 'none' ? 'TRUNCATE' : 'WAL'}`);
  database.run(`PRAGMA synchronous = ${synchronous[durability]}`);
  database.run('PRAGMA cache_size = -65536');
  database.run(`PRAGMA wal_autocheckpoint = ${durability === 'synced' ? 0 : walPagesMax}`);
  database.run('PRAGMA foreign_keys = ON');
  return database;
}

/**
 * A connection that only reads; each statement sees the newest commit. The file is opened as if for
 * writing, because SQLite then asks the system half as often before each statement.
 */
export function openForReading(file: string): Database {
  const database = new Database(file, { create: false, readwrite: true, strict: true });
  database.run('PRAGMA query_only = ON');
  database.run(`PRAGMA busy_timeout = ${busyTimeoutMs}`);
  database.run('PRAGMA cache_size = -65536');
  return database;
}

/** Applies the migrations that the file lacks. */
export function migrateFile(database: Database, folder: string): void {
  migrate(drizzle(database), { migrationsFolder: folder });
  const newest = database
    .query<{ created_at: number }, []>(
      'SELECT max(created_at) AS created_at FROM __drizzle_migrations',
    )
    .get();
  if ((newest?.created_at ?? 0) > newestMigration(folder)) throw new StoreTooNew(database.filename);
}

/** Folds the WAL back into the file before closing, so that a copy of the file is complete. */
export function closeWriter(database: Database): void {
  database.run('PRAGMA wal_checkpoint(TRUNCATE)');
  database.close();
}
