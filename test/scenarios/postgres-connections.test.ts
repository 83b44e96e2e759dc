// Connections die at any moment while many append: what is acknowledged is stored, once, as it was answered.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import postgres from 'postgres';
import { chainStart, verifyChain } from '../../src/kernel/chain.ts';
import type { Append, AppendOutcome, EventLog, StoredEvent } from '../../src/kernel/event-log.ts';
import { groupCommit } from '../../src/kernel/group-commit.ts';
import { logStart, type Position } from '../../src/kernel/stream.ts';
import {
  DatabaseUnavailable,
  openClient,
  patiently,
} from '../../src/storage/postgres/connection.ts';
import { createLogReader } from '../../src/storage/postgres/event-log.ts';
import { createLogWriter } from '../../src/storage/postgres/log-writer.ts';
import { openPostgresStorage, type PostgresStorage } from '../../src/storage/postgres/storage.ts';
import { sha256 } from '../../src/storage/sha256.ts';
import { startCuttingProxy } from '../../src/testing/cutting-proxy.ts';
import { freshDatabase, type TestDatabase } from '../../src/testing/postgres.ts';
import { appendOf, write } from '../../src/testing/log.ts';
import { type Random, seededRandom } from '../../src/testing/random.ts';

const writers = 64;
const appendsEach = 25;

let database: TestDatabase;
let storage: PostgresStorage;
let admin: postgres.Sql;

beforeEach(async () => {
  database = await freshDatabase();
  storage = await openPostgresStorage(database.url);
  admin = postgres(database.url, { max: 1, onnotice() {} });
});
afterEach(async () => {
  await storage.close();
  await admin.end();
  await database.drop();
});

type Told = { readonly append: Append; readonly outcome: AppendOutcome | 'unknown' };

/** Every writer appends one after another; what it was told stands outside of the system. */
async function appendAll(log: Pick<EventLog, 'append'>, random: Random, onTold: () => void) {
  const commits = groupCommit<Append, AppendOutcome>(log.append);
  const told: Told[] = [];
  await Promise.all(
    Array.from({ length: writers }, async (_, writer) => {
      for (let number = 0; number < appendsEach; number += 1) {
        const stream = random.isTrue(0.3) ? `hot-${random.below(3)}` : `of-${writer}`;
        const append = appendOf(write(stream, random.between(1, 3)));
        const outcome = await commits.submit(append).catch((error: unknown) => {
          if (error instanceof DatabaseUnavailable) return 'unknown' as const;
          throw error;
        });
        told.push({ append, outcome });
        onTold();
      }
    }),
  );
  return told;
}

async function everything(): Promise<readonly StoredEvent[]> {
  return storage.log.readAll(logStart, 1_000_000);
}

function compare(told: readonly Told[], events: readonly StoredEvent[]) {
  verifyChain(events, { position: 0, hash: chainStart }, sha256);
  const stored = new Map(events.map((event) => [event.id, event]));
  expect(stored.size).toBe(events.length);
  for (const { append, outcome } of told) {
    const ids = append.writes.flatMap(({ events }) => events.map(({ id }) => id));
    const positions = ids.map((id) => stored.get(id)?.position as number | undefined);
    if (outcome === 'unknown') {
      expect(new Set(positions.map((position) => position === undefined)).size).toBe(1);
    } else {
      expect(outcome).toMatchObject({ ok: true, isRepeated: false });
      const last = (outcome as { position: number }).position;
      expect(positions).toEqual(ids.map((_, index) => last - ids.length + 1 + index));
    }
    for (const id of ids) stored.delete(id);
  }
  expect([...stored.keys()]).toEqual([]);
}

async function endConnections(): Promise<number> {
  const ended = await admin`
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()`;
  return ended.count;
}

describe('while 64 writers append', () => {
  test('the server ends their connections, and each append is told what has become of it', async () => {
    const random = seededRandom('ended connections');
    let untilNext = 1;
    const killing: Promise<number>[] = [];
    const told = await appendAll(storage.log, random, () => {
      untilNext -= 1;
      if (untilNext > 0) return;
      untilNext = random.between(1, 80);
      killing.push(endConnections());
    });
    const ended = (await Promise.all(killing)).reduce((sum, count) => sum + count, 0);
    expect(ended).toBeGreaterThan(10);
    compare(told, await everything());
  });

  test('the network cuts their connection within a call or its answer, and it is the same', async () => {
    const random = seededRandom('cut connections');
    const { hostname, port } = new URL(database.url);
    const proxy = await startCuttingProxy({ host: hostname, port: Number(port) }, () =>
      random.between(500, 60_000),
    );
    const url = new URL(database.url);
    url.port = String(proxy.port);
    const sql = openClient(url.href, { max: 1 });
    const told = await appendAll(createLogWriter(sql), random, () => {});
    expect(proxy.cuts()).toBeGreaterThan(10);
    await sql.end({ timeout: 1 });
    await proxy.close();
    compare(told, await everything());
  });
});

describe('an append whose answer is lost', () => {
  test('is not done again', async () => {
    const { hostname, port } = new URL(database.url);
    const proxy = await startCuttingProxy(
      { host: hostname, port: Number(port) },
      () => Number.POSITIVE_INFINITY,
    );
    const url = new URL(database.url);
    url.port = String(proxy.port);
    const sql = openClient(url.href, { max: 1 });
    const { append } = createLogWriter(sql);
    // Somebody holds the head, so that the call has arrived when its connection is cut.
    const [held, letGo] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const holding = admin.begin(async (transaction) => {
      await transaction`SELECT FROM log.head FOR UPDATE`;
      held.resolve();
      await letGo.promise;
    });
    await held.promise;
    const appended = append([appendOf(write('a', 2))]);
    const watch = postgres(database.url, { max: 1, onnotice() {} });
    await waiting(watch, 1);
    proxy.cutAll();
    await waiting(watch, 2);
    letGo.resolve();
    await holding;
    expect(await appended).toMatchObject([{ ok: true, isRepeated: false, position: 2 }]);
    expect(await storage.log.head()).toBe(2 as Position);
    await watch.end();
    await sql.end({ timeout: 1 });
    await proxy.close();
  });

  test('is stored when the server is heard again; one behind it, for which nobody waits any more, is not', async () => {
    const { hostname, port } = new URL(database.url);
    const target = { host: hostname, port: Number(port) };
    const proxy = await startCuttingProxy(target, () => Number.POSITIVE_INFINITY);
    const url = new URL(database.url);
    url.port = String(proxy.port);
    const sql = openClient(url.href, { max: 1 });
    const { append, idle } = createLogWriter(sql);
    await append([appendOf(write('a'))]);
    proxy.silence();
    const told = await Promise.allSettled(['b', 'c'].map((one) => append([appendOf(write(one))])));
    for (const one of told) {
      expect(one).toMatchObject({ status: 'rejected', reason: expect.any(DatabaseUnavailable) });
    }
    proxy.speak();
    await idle();
    const events = await storage.log.readAll(logStart, 10);
    expect(events.map(({ stream }) => stream as string)).toEqual(['test-a', 'test-b']);
    await sql.end({ timeout: 1 });
    await proxy.close();
  }, 30_000);

  test('and that comes late, after a newer one of its process, is refused', async () => {
    const sql = openClient(database.url, { max: 1 });
    const { append } = createLogWriter(sql);
    await append([appendOf(write('a'))]);
    await admin`UPDATE log.writers SET batch = 7`;
    const late = await append([appendOf(write('a'))]).catch((error: Error) => error);
    expect(late).toMatchObject({ message: 'batch 2 came after batch 7' });
    expect(await createLogReader(sql).head()).toBe(1 as Position);
    await sql.end();
  });
});

/** Until so many calls wait for the head. */
async function waiting(sql: postgres.Sql, count: number) {
  for (;;) {
    const rows = await sql`
      SELECT FROM pg_stat_activity
      WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%log.append%'`;
    if (rows.length >= count) return;
  }
}

describe('a pool whose connections are cut', () => {
  test('answers every query, or says that it failed', async () => {
    const random = seededRandom('cut pools');
    const sql = openClient(database.url, { max: 10 });
    let answered = 0;
    let failed = 0;
    let cuts = 0;
    const isEnough = () => cuts >= 100;
    const asking = async (ask: () => Promise<unknown>) => {
      while (!isEnough()) {
        await ask().then(
          () => (answered += 1),
          () => (failed += 1),
        );
        await Bun.sleep(random.between(0, 5));
      }
    };
    const transaction = () =>
      sql.begin(async (inner) => {
        await inner`SELECT 1`;
        await Bun.sleep(1);
        await inner`SELECT ${cuts}::int`;
      });
    const kinds = [() => sql`SELECT 1`, () => sql`SELECT ${cuts}::int`, transaction];
    const running = Array.from({ length: 30 }, (_, index) => asking(kinds[index % 3]!));
    while (!isEnough()) {
      await Bun.sleep(random.between(1, 60));
      const { length } = await admin`
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid() AND random() < 0.3`;
      cuts += length;
    }
    await Promise.all(running);
    expect(answered).toBeGreaterThan(failed);
    expect(failed).toBeGreaterThan(0);
    await sql.end();
  });
});

describe('a connection that is dead without a word', () => {
  test('is given up, and another takes its place', async () => {
    const { hostname, port } = new URL(database.url);
    const target = { host: hostname, port: Number(port) };
    const proxy = await startCuttingProxy(target, () => Number.POSITIVE_INFINITY);
    const url = new URL(database.url);
    url.port = String(proxy.port);
    const sql = openClient(url.href, { max: 1, answer_timeout: 0.1 });
    const ask = async () => (await sql<{ answer: number }[]>`SELECT 1 AS answer`)[0]!.answer;
    expect(await ask()).toBe(1);

    proxy.silence();
    const unheard = await ask().catch((error: Error) => error);
    expect(unheard).toMatchObject({ code: 'CONNECTION_SILENT' });
    proxy.speak();
    expect(await patiently(ask)).toBe(1);

    await sql.end({ timeout: 1 });
    await proxy.close();
  });

  test('a server that is long at work, and says so, is waited for', async () => {
    const sql = openClient(database.url, { max: 1, answer_timeout: 0.1 });
    const rows = await sql`SELECT repeat('x', 9000), pg_sleep(0.05) FROM generate_series(1, 10)`;
    expect(rows).toHaveLength(10);
    await sql.end({ timeout: 1 });
  });
});
