// Blobs in a directory of their own. A blob is written under a temporary name, synced and then renamed,
// so that it is there as a whole or not at all, also after a power loss.
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Blobs, checkedKey, isBlobKey } from '../../kernel/blobs.ts';

/** What a crash has left half-written is older than this; no write takes so long. */
const abandonedMs = 60 * 60 * 1_000;

export function createLocalBlobs(directory: string): Blobs {
  /** Spread over folders, because some file systems are slow with many entries in one. */
  const pathOf = (key: string) => join(directory, checkedKey(key).slice(0, 2), key);

  return {
    async put(key, bytes) {
      const path = pathOf(key);
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      const temporary = `${path}.${crypto.randomUUID()}`;
      try {
        await writeDurably(temporary, bytes);
        await rename(temporary, path);
      } catch (error) {
        await rm(temporary, { force: true });
        throw error;
      }
      await syncDirectory(dirname(path));
      await syncDirectory(directory);
    },

    async open(key) {
      const path = pathOf(key);
      const found = await ifThere(stat(path));
      return found && { bytes: found.size, stream: Bun.file(path).stream() };
    },

    async storedAt(key) {
      return (await ifThere(stat(pathOf(key))))?.mtime.toISOString();
    },

    remove: (key) => rm(pathOf(key), { force: true }),

    async *list() {
      for (const folder of (await ifThere(readdir(directory))) ?? []) {
        for (const name of (await ifThere(readdir(join(directory, folder)))) ?? []) {
          const path = join(directory, folder, name);
          const found = await ifThere(stat(path));
          if (!found) continue;
          if (isBlobKey(name)) yield { key: name, storedAt: found.mtime.toISOString() };
          else if (Date.now() - found.mtimeMs > abandonedMs) await rm(path, { force: true });
        }
      }
    },
  };
}

async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** A new name is durable once its directory is synced. */
async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function ifThere<Found>(looking: Promise<Found>): Promise<Found | undefined> {
  try {
    return await looking;
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return undefined;
    throw error;
  }
}
