/**
 * Emmett's SQLite file store behind the product route.
 *
 * Its appends are taken one at a time: with its defaults 64 concurrent ones fail with SQLITE_BUSY
 * (each opens its own connection, without a busy timeout), and on a kept connection they would
 * share a transaction and be answered before it commits.
 */
import { getSQLiteEventStore, sqliteConnection } from '@event-driven-io/emmett-sqlite';
import { type NewProduct, serveProducts } from './product-route.ts';

const fileName = process.env['DATABASE']!;
const keepsConnection = process.env['CONNECTION'] === 'kept';

// Emmett asks for WAL without waiting for it; a transaction that comes first would be refused.
const connection = sqliteConnection({ fileName });
await connection.command('PRAGMA journal_mode = WAL');

const store = getSQLiteEventStore(
  keepsConnection ? { fileName, connectionOptions: { singleton: true, connection } } : { fileName },
);
await store.schema.migrate();

let turn: Promise<unknown> = Promise.resolve();

function append(product: NewProduct) {
  const appended = turn.then(() => appendNow(product));
  turn = appended.catch(() => undefined);
  return appended;
}

function appendNow({ id, ...data }: NewProduct) {
  const event = { type: 'ProductCreated', data };
  return store.appendToStream(`product-${id}`, [event], {
    expectedStreamVersion: 'STREAM_DOES_NOT_EXIST',
  });
}

serveProducts(append);
