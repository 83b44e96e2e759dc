import { openPostgresStorage } from '../storage/postgres/storage.ts';
import { freshDatabase } from './postgres.ts';

/** The stores of a new, empty database, which is dropped when they are closed. */
export async function openFreshPostgresStorage() {
  const { url, drop } = await freshDatabase();
  const storage = await openPostgresStorage(url);
  return {
    ...storage,
    url,
    async close() {
      await storage.close();
      await drop();
    },
  };
}
