import {
  closeSync,
  existsSync,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  openSync,
  readSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';

const chunkBytes = 1_048_576;

/**
 * Makes what stands in the WAL of a database durable, whatever came before. After a sync that failed, Linux
 * takes the pages for written though no disk has them (Rebello et al., "Can Applications Recover from
 * fsync Failures?", 2020); a later sync would skip them, and whatever is committed behind such a hole
 * would be lost with the power. So every byte is written again before it is synced.
 * Only for whoever holds the lock of the data directory: nobody may write the WAL meanwhile.
 */
export function persistWal(file: string): void {
  if (!existsSync(`${file}-wal`)) return;
  const wal = openSync(`${file}-wal`, 'r+');
  try {
    const { size } = fstatSync(wal);
    const chunk = new Uint8Array(chunkBytes);
    for (let place = 0; place < size; place += chunkBytes) {
      const length = readSync(wal, chunk, 0, Math.min(chunkBytes, size - place), place);
      writeSync(wal, chunk, 0, length, place);
    }
    if (size > 0) fdatasyncSync(wal);
  } finally {
    closeSync(wal);
  }
  syncDirectory(dirname(file)); // the WAL may be new
}

function syncDirectory(directory: string) {
  const descriptor = openSync(directory, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
