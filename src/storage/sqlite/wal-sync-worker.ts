// The thread that waits for the disk each time something is appended to the log.
import { closeSync, fdatasyncSync, fstatSync, openSync } from 'node:fs';
import { serveRequests } from '../worker-client.ts';
import { persistWal } from './persist-wal.ts';

let wal: number | undefined;

serveRequests({
  open: (file: string) => {
    persistWal(file);
    wal = openSync(`${file}-wal`, 'r+');
  },
  sync: () => {
    fdatasyncSync(wal!);
    if (fstatSync(wal!).nlink === 0) throw new Error('its file has been deleted');
  },
  close: () => {
    if (wal !== undefined) closeSync(wal);
    wal = undefined;
  },
});
