// Overwriting what was deleted. `secure_delete` clears the place where a row stood, but not the copies that stay in
// the gaps of pages when rows move to others; only VACUUM writes every page anew. That takes as long as the
// file is large, so it is done a small part of the time at most, and a mark in the file keeps that it is due.
import type { Database } from 'bun:sqlite';

/** A pass over a small file holds nobody up; what is longer is made up for by a rest. */
const passMsUsual = 500;
const restsFor = 60;

const isDue = 1;
const isDone = 0;

export type Scrub = ReturnType<typeof createScrub>;

/** @param removeCopies Removes other files with what was deleted; answers whether none is left. */
export function createScrub(database: Database, removeCopies: () => boolean = () => true) {
  database.run('PRAGMA secure_delete = ON');
  const mark = database.query<{ user_version: number }, []>('PRAGMA user_version');
  let restsUntil = 0;
  return {
    /** Within the transaction that deletes, so that a crash does not lose it. */
    need: () => void database.run(`PRAGMA user_version = ${isDue}`),

    /** Does what is due, or a part of it when the last pass was long and not long ago. Readers go on meanwhile. */
    run(): void {
      if (mark.get()?.user_version !== isDue) return;
      const startedAt = performance.now();
      if (startedAt < restsUntil) return emptyWal(database);
      const areCopiesGone = removeCopies();
      database.run('VACUUM');
      emptyWal(database);
      if (areCopiesGone) database.run(`PRAGMA user_version = ${isDone}`);
      const now = performance.now();
      restsUntil = now + Math.max(0, now - startedAt - passMsUsual) * restsFor;
    },
  };
}

/** A reader on an old snapshot keeps the WAL as it is. */
class WalInUse extends Error {
  override readonly name = 'WalInUse';
  readonly code = 'SQLITE_BUSY';
  constructor(file: string) {
    super(`Somebody still reads what was deleted from ${file}.`);
  }
}

/** @throws WalInUse */
function emptyWal(database: Database): void {
  const outcome = database.query<{ busy: number }, []>('PRAGMA wal_checkpoint(TRUNCATE)').get();
  if (outcome?.busy !== 0) throw new WalInUse(database.filename);
}
