import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import postgres from 'postgres';
import { openPostgresStorage, type PostgresStorage } from '../../src/storage/postgres/storage.ts';
import { freshDatabase, type TestDatabase } from '../../src/testing/postgres.ts';
import { appendOf, write } from '../../src/testing/log.ts';

let database: TestDatabase;
let one: PostgresStorage;
let other: PostgresStorage;

beforeEach(async () => {
  database = await freshDatabase();
  one = await openPostgresStorage(database.url);
  other = await openPostgresStorage(database.url);
});
afterEach(async () => {
  await one.close();
  await other.close();
  await database.drop();
});

/** Resolves at the next hint that this node gets. */
function hinted({ signals }: PostgresStorage): Promise<void> {
  return new Promise((resolve) => {
    const unsubscribe = signals.subscribe(() => {
      unsubscribe();
      resolve();
    });
  });
}

describe('a hint that the log has grown', () => {
  test('reaches other nodes after an append, which they can read by then', async () => {
    const hint = hinted(other);
    await one.log.append([appendOf(write('a'))]);
    await hint;
    expect(await other.log.head()).toBe(1 as never);
  });

  test('is not given for an append that is refused or repeated', async () => {
    await one.log.append([appendOf(write('a'), { commandId: 'once' })]);
    await hinted(other);
    const sql = postgres(database.url, { max: 1, onnotice() {} });
    const heard: string[] = [];
    const marked = Promise.withResolvers<void>();
    await sql.listen('log_has_grown', (payload) => {
      heard.push(payload);
      if (payload === 'marker') marked.resolve();
    });
    await one.log.append([
      appendOf(write('a', 1, 'none')),
      appendOf(write('b'), { commandId: 'once' }),
    ]);
    await one.close(); // by then it has sent what it had to send
    await sql.notify('log_has_grown', 'marker');
    await marked.promise;
    expect(heard).toEqual(['marker']);
    await sql.end();
    one = await openPostgresStorage(database.url);
  });

  test('does not come back to the node that gives it, which knows', async () => {
    let hints = 0;
    one.signals.subscribe(() => (hints += 1));
    const hint = hinted(other);
    await one.log.append([appendOf(write('a'))]);
    await hint;
    const answer = hinted(one);
    await other.log.append([appendOf(write('b'))]);
    await answer;
    expect(hints).toBe(1);
  });

  test('is shared by many appends', async () => {
    let hints = 0;
    other.signals.subscribe(() => (hints += 1));
    for (let index = 0; index < 300; index += 1) one.signals.broadcast();
    await hinted(other);
    await one.close();
    expect(hints).toBeLessThanOrEqual(2);
    one = await openPostgresStorage(database.url);
  });

  test('comes again once the connection that listens has been lost', async () => {
    const sql = postgres(database.url, { max: 1, onnotice() {} });
    const again = hinted(other); // whoever listens again may have missed something
    await sql`
      SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND query ILIKE 'listen%'`;
    await again;
    const hint = hinted(other);
    await one.log.append([appendOf(write('a'))]);
    await hint;
    await sql.end();
  });

  test('reaches nobody who has unsubscribed', async () => {
    let hints = 0;
    other.signals.subscribe(() => (hints += 1))();
    const hint = hinted(other);
    one.signals.broadcast();
    await hint;
    expect(hints).toBe(0);
  });
});
