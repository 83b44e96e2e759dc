import { closeSync, fsyncSync, openSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Syncs the WAL of a database that is open, on a thread of the runtime's pool.
 * What was committed before `sync` was called survives a power loss once it resolves.
 */
export async function openWalSync(file: string) {
  const wal = await open(`${file}-wal`, 'r+');
  syncDirectory(dirname(file)); // the WAL may be new
  await wal.datasync();
  return { sync: () => wal.datasync(), close: () => wal.close() };
}

function syncDirectory(directory: string) {
  const descriptor = openSync(directory, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
