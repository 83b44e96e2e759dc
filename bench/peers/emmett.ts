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

/** Opening and closing a connection for each append now and then meets a lock of its own. */
const attemptsMax = 5;

async function appendNow({ id, ...data }: NewProduct) {
  const event = { type: 'ProductCreated', data };
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await store.appendToStream(`product-${id}`, [event], {
        expectedStreamVersion: 'STREAM_DOES_NOT_EXIST',
      });
    } catch (error) {
      console.error('emmett:', error); // a 500 tells the load generator nothing of the cause
      if (!isBusy(error) || attempt === attemptsMax) throw error;
    }
  }
}

function isBusy(error: unknown) {
  const { message, cause } = error as Error;
  return [message, (cause as Error | undefined)?.message].some((text) =>
    /SQLITE_BUSY|database is locked/.test(String(text)),
  );
}

serveProducts(append);
