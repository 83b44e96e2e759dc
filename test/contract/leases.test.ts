import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import postgres from 'postgres';
import { LeaseLost } from '../../src/kernel/lease.ts';
import { createMemoryLeases } from '../../src/storage/memory/leases.ts';
import { keepLease } from '../../src/storage/postgres/leases.ts';
import { openFreshPostgresStorage } from '../../src/testing/postgres-storage.ts';
import { leasesContract } from './leases.contract.ts';

leasesContract('memory', () => ({ leases: createMemoryLeases(() => 0), close() {} }));

leasesContract('PostgreSQL', openFreshPostgresStorage);

describe('a transaction under a lease', () => {
  let storage: Awaited<ReturnType<typeof openFreshPostgresStorage>>;
  let sql: postgres.Sql;

  beforeEach(async () => {
    storage = await openFreshPostgresStorage();
    sql = postgres(storage.url, { max: 2, onnotice() {} });
  });

  afterEach(async () => {
    await sql.end();
    await storage.close();
  });

  test('commits before anybody else can acquire it', async () => {
    const { leases } = storage;
    const epoch = (await leases.acquire('work', 'one', 0))!;
    const order: string[] = [];
    let acquired: Promise<unknown> = Promise.resolve();
    await sql.begin(async (transaction) => {
      await keepLease(transaction, 'work', epoch);
      acquired = leases.acquire('work', 'other', 60_000).then(() => order.push('acquired'));
      await somebodyWaits(sql);
      order.push('committed');
    });
    await acquired;
    expect(order).toEqual(['committed', 'acquired']);
  });

  test('fails once somebody else has acquired it', async () => {
    const { leases } = storage;
    const epoch = (await leases.acquire('work', 'one', 0))!;
    await leases.acquire('work', 'other', 60_000);
    const failure = await sql
      .begin((transaction) => keepLease(transaction, 'work', epoch))
      .catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(LeaseLost);
  });
});

/** Until some connection to this database waits for a lock of another. */
async function somebodyWaits(sql: postgres.Sql) {
  for (;;) {
    const waiting = await sql`
      SELECT FROM pg_stat_activity
      WHERE datname = current_database() AND wait_event_type = 'Lock'`;
    if (waiting.length > 0) return;
  }
}
