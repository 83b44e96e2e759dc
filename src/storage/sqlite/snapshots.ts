// Reads from one snapshot for as long as nothing has changed. A statement on its own asks the
// operating system for locks before it reads, which costs more than the reading; inside a transaction
// it does not. A snapshot is given up as soon as newer rows are known, and after a while in any case,
// so that the WAL can start over.
import type { Database } from 'bun:sqlite';
import { openForReading } from './connection.ts';

const ageMsMax = 50;

export type Snapshots = {
  readonly database: Database;
  /** Before reading: makes sure that there is a snapshot, and that it is not an old one. */
  readonly enter: () => void;
  /** The next reader shall see what is newest. */
  readonly leave: () => void;
  readonly close: () => void;
};

export function openSnapshots(file: string): Snapshots {
  const database = openForReading(file);
  const begin = database.query('BEGIN');
  const end = database.query('COMMIT');
  let expiresAt: number | undefined;

  function leave() {
    if (expiresAt === undefined) return;
    expiresAt = undefined;
    if (database.inTransaction) end.run(); // a read that failed has ended it already
  }

  const sweep = setInterval(() => {
    if (expiresAt !== undefined && expiresAt <= performance.now()) leave();
  }, ageMsMax);
  sweep.unref();

  return {
    database,
    leave,
    enter() {
      const now = performance.now();
      if (expiresAt !== undefined && expiresAt <= now) leave();
      if (expiresAt !== undefined) return;
      begin.run();
      expiresAt = now + ageMsMax;
    },
    close() {
      clearInterval(sweep);
      leave();
      database.close();
    },
  };
}
