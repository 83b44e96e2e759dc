// The files in which rows are built beside the live ones. One that was left unfinished is kept for the next rebuild
// of the same, until a person is erased: what it holds of them would be found by nobody else.
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { RebuildRunning } from '../rebuild-running.ts';
import { takeLock } from './lock.ts';

const pattern = /^rebuild-.*\.db$/;
const lockOf = (file: string) => `${file}-lock`;

/**
 * A place for whoever builds these; nobody else removes it meanwhile.
 * @throws RebuildRunning
 */
export function takeRebuildFile(directory: string, names: readonly string[]) {
  const file = join(directory, `rebuild-${names.toSorted().join('-')}.db`);
  const lock = takeLock(lockOf(file));
  if (!lock) throw new RebuildRunning(names);
  return {
    file,
    release() {
      rmSync(lockOf(file), { force: true });
      lock.release();
    },
  };
}

/** Answers whether all of them are gone: one that is running is not, and meets the erasure itself. */
export function removeUnfinishedRebuilds(directory: string): boolean {
  const files = readdirSync(directory).filter((name) => pattern.test(name));
  return files.map((name) => removeUnlessTaken(join(directory, name))).every(Boolean);
}

function removeUnlessTaken(file: string): boolean {
  const lock = takeLock(lockOf(file));
  if (!lock) return false;
  removeFile(file);
  rmSync(lockOf(file), { force: true });
  lock.release();
  return true;
}

/** Removes a database file with its WAL. */
export function removeFile(file: string): void {
  for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(file + suffix, { force: true });
}
