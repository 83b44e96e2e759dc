import { Database } from 'bun:sqlite';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Another process (or another server in this one) writes to the same data directory. */
export class DataDirectoryInUse extends Error {
  override readonly name = 'DataDirectoryInUse';
  readonly directory: string;
  constructor(directory: string, holder: string) {
    super(
      `The data directory ${directory} is in use by process ${holder}. Only one process may write to it.`,
    );
    this.directory = directory;
  }
}

/**
 * Takes the single-writer lock of a data directory: an SQLite transaction that stays open. The
 * operating system releases it when the process dies, whatever way it dies.
 * @throws DataDirectoryInUse at once when somebody else holds it.
 */
export function takeWriterLock(directory: string): { readonly release: () => void } {
  const holderFile = join(directory, 'writer.pid');
  const lock = takeLock(join(directory, 'writer.lock'));
  if (!lock) throw new DataDirectoryInUse(directory, holderIn(holderFile));
  writeFileSync(holderFile, `${process.pid}\n`);
  return lock;
}

/** Undefined when somebody else holds it. */
export function takeLock(file: string): { readonly release: () => void } | undefined {
  const database = new Database(file, { create: true });
  try {
    database.run('PRAGMA busy_timeout = 0');
    database.run('BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    if ((error as { code?: string }).code !== 'SQLITE_BUSY') throw error;
    return undefined;
  }
  return { release: () => database.close() };
}

function holderIn(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return 'unknown';
  }
}
