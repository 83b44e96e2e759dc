import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import postgres from 'postgres';
import { ChainBroken, chainStart, verifyChain } from '../../src/kernel/chain.ts';
import { logStart, type Position } from '../../src/kernel/stream.ts';
import { StoreTooNew } from '../../src/storage/migrate.ts';
import { DatabaseUnavailable } from '../../src/storage/postgres/connection.ts';
import { LogHole } from '../../src/storage/postgres/event-log.ts';
import { openPostgresStorage, type PostgresStorage } from '../../src/storage/postgres/storage.ts';
import { sha256 } from '../../src/storage/sha256.ts';
import { freshDatabase, type TestDatabase } from '../../src/testing/postgres.ts';
import { freePort } from '../../src/testing/redis.ts';
import { appendOf, streamOf, write } from '../../src/testing/log.ts';

let database: TestDatabase;
let sql: postgres.Sql;

beforeEach(async () => {
  database = await freshDatabase();
  sql = postgres(database.url, { max: 4, onnotice() {} });
});
afterEach(async () => {
  await sql.end();
  await database.drop();
});

async function opened<Result>(use: (storage: PostgresStorage) => Promise<Result>) {
  const storage = await openPostgresStorage(database.url);
  try {
    return await use(storage);
  } finally {
    await storage.close();
  }
}

const fill = (...counts: readonly number[]) =>
  opened(async ({ log }) => {
    for (const count of counts) await log.append([appendOf(write('a', count))]);
  });

const failureOf = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

describe('a PostgreSQL log', () => {
  test.each([
    ['an update', "UPDATE log.events SET data = '{}' WHERE position = 1", 'changed'],
    ['an update of no row', 'UPDATE log.events SET meta = meta WHERE false', 'changed'],
    ['a deletion', 'DELETE FROM log.events WHERE position = 3', 'deleted'],
    ['a truncation', 'TRUNCATE log.events', 'deleted'],
  ])('refuses %s', async (_, statement, what) => {
    await fill(3);
    // As a replica applies changes, when ordinary triggers are off.
    for (const role of ['origin', 'replica']) {
      const change = sql.begin(async (transaction) => {
        await transaction.unsafe(`SET LOCAL session_replication_role = ${role}`);
        await transaction.unsafe(statement);
      });
      expect(await failureOf(change)).toMatchObject({ message: `events are never ${what}` });
    }
  });

  test('goes on where it ended, and never lets time run backwards over a restart', async () => {
    const time = '2030-01-01T00:00:00.000Z';
    await opened(({ log }) => log.append([appendOf(write('a', 2), { time })]));
    const [outcome] = await opened(({ log }) => log.append([appendOf(write('a'))]));
    expect(outcome).toMatchObject({ ok: true, position: 3, version: 3, time });
  });

  test('is appended to by many nodes at once, in one order', async () => {
    const nodes = await Promise.all([1, 2, 3].map(() => openPostgresStorage(database.url)));
    const appends = Array.from({ length: 60 }, (_, index) =>
      nodes[index % 3]!.log.append([appendOf(write(`s-${index % 7}`, 2)), appendOf(write('b'))]),
    );
    const outcomes = (await Promise.all(appends)).flat();
    expect(outcomes.every(({ ok }) => ok)).toBe(true);
    const events = await nodes[0]!.log.readAll(logStart, 1_000);
    expect(events).toHaveLength(180);
    verifyChain(events, { position: 0, hash: chainStart }, sha256);
    const versions = (await nodes[1]!.log.readStream(streamOf('b'), 0 as never, 1_000)).map(
      ({ version }) => version as number,
    );
    expect(versions).toEqual(Array.from({ length: 60 }, (_, index) => index + 1));
    await Promise.all(nodes.map((node) => node.close()));
  });

  test('lets one of several nodes take a claim, and one append of a command', async () => {
    const nodes = await Promise.all([1, 2, 3].map(() => openPostgresStorage(database.url)));
    const claims = nodes.map(({ log }, index) => {
      const stream = streamOf(`holder-${index}`);
      const take = [{ kind: 'sku', key: 'MUG', stream }];
      return log.append([appendOf(write(`holder-${index}`), { take })]);
    });
    const taken = (await Promise.all(claims)).flat();
    expect(taken.filter(({ ok }) => ok)).toHaveLength(1);
    const commands = nodes.map(({ log }) =>
      log.append([appendOf(write('c'), { commandId: 'once' })]),
    );
    const once = (await Promise.all(commands)).flat();
    expect(once.filter((one) => one.ok && !one.isRepeated)).toHaveLength(1);
    expect(once.every(({ ok }) => ok)).toBe(true);
    await Promise.all(nodes.map((node) => node.close()));
  });

  test('waits for the disk, whatever the database is set to', async () => {
    await opened(async ({ log }) => log.append([appendOf(write('a'))]));
    const name = new URL(database.url).pathname.slice(1);
    await sql.unsafe(`ALTER DATABASE ${name} SET synchronous_commit = off`);
    // The function is asked in the transaction of a test, which sees what it has set there.
    const fresh = postgres(database.url, { max: 1, onnotice() {} });
    const [before] = await fresh`SHOW synchronous_commit`;
    const during = await fresh.begin(async (transaction) => {
      const [nulls] = [Array.from({ length: 25 }, () => `'{}'`).join(', ')];
      await transaction.unsafe(`SELECT log.append(gen_random_uuid(), 1, '{}', ${nulls})`);
      const [row] = await transaction`SHOW synchronous_commit`;
      return row;
    });
    await fresh.end();
    expect([before, during]).toEqual([{ synchronous_commit: 'off' }, { synchronous_commit: 'on' }]);
  });
});

describe('a batch whose transaction throws', () => {
  test('leaves nothing: no events, claims, command ids, versions or time', async () => {
    await opened(async ({ log }) => {
      await log.append([appendOf(write('a', 2))]);
      const one = write('b', 2);
      const events = [one.events[0]!, { ...one.events[1]!, schemaVersion: 0 }];
      const claim = { kind: 'email', key: 'ada', stream: streamOf('a') };
      const time = '2030-01-01T00:00:00.000Z';
      const batch = [
        appendOf(write('a', 3), { commandId: 'once', take: [claim], time }),
        appendOf({ ...one, events }),
      ];
      expect(await failureOf(log.append(batch))).toMatchObject({ code: '23514' });
      expect(await log.head()).toBe(2 as Position);
      const again = [
        appendOf(write('a', 1, 2 as never), { commandId: 'once' }),
        appendOf(write('b', 1, 'none'), { take: [{ ...claim, stream: streamOf('b') }] }),
      ];
      expect(await log.append(again)).toMatchObject([
        { ok: true, isRepeated: false, position: 3, time: '2026-01-01T00:00:00.000Z' },
        { ok: true, position: 4, version: 1 },
      ]);
    });
  });
});

describe('a PostgreSQL log that was tampered with', () => {
  /** What somebody could do who owns the tables and has no scruples. */
  async function tamper(statement: string) {
    await sql`DROP TRIGGER IF EXISTS events_are_never_changed ON log.events`;
    await sql.unsafe(statement);
  }

  async function breakAtOpen(): Promise<number | undefined> {
    const failure = await failureOf(opened(async () => {}));
    if (failure instanceof ChainBroken) return failure.position;
    if (failure instanceof LogHole) return Number(/position (\d+)/.exec(failure.message)?.[1]);
    if (failure !== undefined) throw failure;
    return undefined;
  }

  test.each([
    ["SET data = '{}'", 2],
    ["SET stream = 'test-b'", 1],
    ['SET version = 99', 3],
    ["SET time = '2020-01-01T00:00:00.000Z'", 2],
    [`SET hash = '${'f'.repeat(64)}'`, 3],
  ])('is not opened: %s at position %i', async (change, position) => {
    await fill(3);
    await tamper(`UPDATE log.events ${change} WHERE position = ${position}`);
    expect(await breakAtOpen()).toBe(position);
  });

  test.each([
    ['its middle is gone', 'position = 3', 3],
    ['its newest events are gone', 'position >= 4', 4],
    ['all of it is gone', 'true', 1],
    ['its beginning is gone', 'position <= 2', 1],
  ])('is not opened when %s', async (_, which, position) => {
    await fill(5);
    await tamper(`DELETE FROM log.events WHERE ${which}`);
    expect(await breakAtOpen()).toBe(position);
  });

  test('within its newest thousand is found at each start, however long it is', async () => {
    await fill(1_500);
    await tamper("UPDATE log.events SET data = '{}' WHERE position = 1400");
    expect(await breakAtOpen()).toBe(1_400);
  });

  test('alarms whoever reads over a hole, in either direction', async () => {
    await opened(async ({ log }) => {
      await log.append([appendOf(write('a', 5))]);
      await tamper('DELETE FROM log.events WHERE position = 3');
      expect(await failureOf(log.readAll(logStart, 9))).toBeInstanceOf(LogHole);
      expect(await failureOf(log.readBack(6 as Position, 9))).toBeInstanceOf(LogHole);
      expect(await log.readAll(3 as Position, 9)).toHaveLength(2);
    });
  });
});

describe('a database', () => {
  test.each(['log', 'vault'])('that newer code has migrated (%s) is refused', async (store) => {
    await fill(1);
    const journal = sql(`${store}.__drizzle_migrations`);
    await sql`INSERT INTO ${journal} (hash, created_at) VALUES ('newer', 9999999999999)`;
    expect(await failureOf(opened(async () => {}))).toBeInstanceOf(StoreTooNew);
  });

  test('is migrated once by many nodes that start together', async () => {
    const nodes = await Promise.all([1, 2, 3, 4].map(() => openPostgresStorage(database.url)));
    expect(await sql`SELECT FROM log.__drizzle_migrations`).toHaveLength(1);
    await Promise.all(nodes.map((node) => node.close()));
  });

  test.each([
    ['a server that is not there', async (url: URL) => (url.port = String(await freePort()))],
    ['a database that is not there', (url: URL) => (url.pathname = '/nowhere')],
    ['an unknown user', (url: URL) => (url.username = 'nobody')],
    ['a wrong password', (url: URL) => (url.password = 'secret-guess')],
  ])('is refused in one line that shows no password: %s', async (_, change) => {
    const url = new URL(database.url);
    await change(url);
    const failure = await failureOf(openPostgresStorage(url.href));
    expect(failure).toBeInstanceOf(DatabaseUnavailable);
    const { message } = failure as Error;
    expect(message).toStartWith(`PostgreSQL at ${url.host} cannot be used: `);
    expect(message).not.toContain('\n');
    expect(message).not.toContain(url.password);
  });
});

describe('a checkpoint of a follower', () => {
  test('is undefined before the first, and survives a restart', async () => {
    await opened(async ({ checkpoints }) => {
      expect(await checkpoints.positionOf('mail')).toBeUndefined();
      await checkpoints.moveTo('mail', 7 as Position);
    });
    await opened(async ({ checkpoints }) => {
      expect(await checkpoints.positionOf('mail')).toBe(7 as Position);
      expect(await checkpoints.positionOf('other')).toBeUndefined();
    });
  });

  test('never moves backwards', async () => {
    await opened(async ({ checkpoints }) => {
      await checkpoints.moveTo('mail', 7 as Position);
      await checkpoints.moveTo('mail', 3 as Position);
      expect(await checkpoints.positionOf('mail')).toBe(7 as Position);
    });
  });
});
