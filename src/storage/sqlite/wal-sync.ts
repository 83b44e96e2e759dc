import { createWorkerClient } from '../worker-client.ts';

/**
 * Syncs the WAL of a database that is open, in a thread that does nothing else: the runtime's pool is
 * small, and hashing passwords fills it.
 * What was committed before `sync` was called survives a power loss once it resolves.
 * @param onGone Called when the thread ends without having been asked to.
 */
export async function openWalSync(file: string, onGone: (error: Error) => void = () => {}) {
  const worker = new Worker(new URL('wal-sync-worker.ts', import.meta.url).href);
  const client = createWorkerClient(worker, onGone);
  try {
    await client.ask('open', file);
  } catch (error) {
    worker.terminate();
    throw error;
  }
  return { sync: (): Promise<void> => client.ask('sync', null), close: () => client.close() };
}
