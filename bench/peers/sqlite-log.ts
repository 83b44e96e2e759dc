import { Database } from 'bun:sqlite';
import type { NewProduct } from './product-route.ts';

export const batchSizeMax = 64;

const logSchema = `
  CREATE TABLE IF NOT EXISTS events (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL,
    stream TEXT NOT NULL,
    version INTEGER NOT NULL,
    type TEXT NOT NULL,
    schema_version INTEGER NOT NULL,
    data TEXT NOT NULL,
    meta TEXT NOT NULL,
    time INTEGER NOT NULL,
    hash BLOB,
    UNIQUE (stream, version)
  )`;

/** The least a durable log does: one transaction of inserts a batch, WAL, synchronous=FULL. */
export function openSqliteLog(file: string) {
  const database = new Database(file, { create: true });
  database.run('PRAGMA journal_mode = WAL');
  database.run('PRAGMA synchronous = FULL');
  database.run(logSchema);
  const insert = database.prepare(`
    INSERT INTO events (id, stream, version, type, schema_version, data, meta, time)
    VALUES (?, ?, 1, 'ProductCreated', 1, ?, ?, ?)`);

  return database.transaction((products: readonly NewProduct[]) => {
    const time = Date.now();
    for (const { id, ...product } of products) {
      const data = JSON.stringify(product);
      const meta = JSON.stringify({ actorId: id, correlationId: id, causationId: id });
      insert.run(Bun.randomUUIDv7(), `product-${id}`, data, meta, time);
    }
  }).immediate;
}
