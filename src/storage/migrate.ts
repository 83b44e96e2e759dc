import { join } from 'node:path';
import { readMigrationFiles } from 'drizzle-orm/migrator';

export const migrationsFolder = (
  store: 'log' | 'vault' | 'read-model' | 'jobs',
  dialect: 'sqlite' | 'postgres',
) => join(import.meta.dir, '../../migrations', store, dialect);

/** The newest migration this code knows, to refuse a store that a newer version has written. */
export function newestMigration(folder: string): number {
  return Math.max(
    0,
    ...readMigrationFiles({ migrationsFolder: folder }).map((one) => one.folderMillis),
  );
}

/** A store that a newer version of the product has migrated. */
export class StoreTooNew extends Error {
  override readonly name = 'StoreTooNew';
  constructor(store: string) {
    super(`${store} was written by a newer version; this one would damage it.`);
  }
}
