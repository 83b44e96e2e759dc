// Whatever happens around the appends, a follower sees each event once, in the order of the log; and a copy
// of the database in another cluster goes on where its followers were.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import postgres from 'postgres';
import { startPostgres } from '../../scripts/postgres.ts';
import { chainStart, verifyChain } from '../../src/kernel/chain.ts';
import type { StoredEvent } from '../../src/kernel/event-log.ts';
import { logStart, type Position } from '../../src/kernel/stream.ts';
import { type Client, openClient } from '../../src/storage/postgres/connection.ts';
import { createLogWriter } from '../../src/storage/postgres/log-writer.ts';
import { openPostgresStorage, type PostgresStorage } from '../../src/storage/postgres/storage.ts';
import { sha256 } from '../../src/storage/sha256.ts';
import { createWakeUp } from '../../src/storage/wake-up.ts';
import { freshDatabase, type TestDatabase } from '../../src/testing/postgres.ts';
import { appendOf, streamOf, write } from '../../src/testing/log.ts';
import { type Random, seededRandom } from '../../src/testing/random.ts';

const writers = 10;
const rounds = 60;
const everything = 1_000_000;
const pauseMaxMs = 4;
const pollMs = 250;

let database: TestDatabase;

beforeEach(async () => {
  database = await freshDatabase();
});
afterEach(() => database.drop());

class RolledBack extends Error {}

/** Appends, and now and then within a transaction that pauses under the locks and is rolled back. */
async function writeMuch(url: string, random: Random) {
  const sql = openClient(url, { max: 2 });
  const writer = createLogWriter(sql);
  const pause = () => sql`SELECT pg_sleep(${random.below(pauseMaxMs) / 1_000})`;
  const batch = () =>
    Array.from({ length: random.between(1, 4) }, () =>
      appendOf(write(`s-${random.below(20)}`, random.between(1, 3))),
    );
  for (let round = 0; round < rounds; round += 1) {
    if (random.isTrue(0.3)) {
      const rolledBack = sql.begin(async (transaction) => {
        await createLogWriter(transaction as unknown as Client).append(batch());
        await transaction`SELECT pg_sleep(${random.below(pauseMaxMs) / 1_000})`;
        throw new RolledBack();
      });
      await rolledBack.catch((error: unknown) => {
        if (!(error instanceof RolledBack)) throw error;
      });
    } else {
      await writer.append(batch());
    }
    if (random.isTrue(0.5)) await pause();
  }
  await sql.end();
}

/** Follows the log in pages from its checkpoint until `isOver` and nothing is left. */
async function follow(
  { log, checkpoints, signals }: PostgresStorage,
  name: string,
  isOver: () => boolean,
  random: Random,
) {
  const seen: StoredEvent[] = [];
  const wakeUp = createWakeUp();
  const unsubscribe = signals.subscribe(wakeUp.signal);
  for (;;) {
    const wasOver = isOver();
    const from = (await checkpoints.positionOf(name)) ?? logStart;
    const page = await log.readAll(from, random.between(1, 30));
    seen.push(...page);
    if (page.length > 0) await checkpoints.moveTo(name, page.at(-1)!.position);
    else if (wasOver) break;
    else await wakeUp.wait(pollMs);
  }
  unsubscribe();
  return seen;
}

describe('while ten writers append, pause and roll back', () => {
  test('no follower misses, doubles or reorders an event', async () => {
    const random = seededRandom('writers and followers');
    const nodes = await Promise.all([1, 2, 3].map(() => openPostgresStorage(database.url)));
    let isOver = false;
    const followers = nodes.map((node, index) =>
      follow(node, `follower-${index}`, () => isOver, random),
    );
    await Promise.all(Array.from({ length: writers }, () => writeMuch(database.url, random)));
    isOver = true;
    const seen = await Promise.all(followers);
    const stored = await nodes[0]!.log.readAll(logStart, everything);
    expect(stored.length).toBeGreaterThan(writers * rounds);
    verifyChain(stored, { position: 0, hash: chainStart }, sha256);
    for (const events of seen) expect(events).toEqual([...stored]);
    await Promise.all(nodes.map((node) => node.close()));
  });
});

describe('a copy of the database in another cluster', () => {
  test('goes on with the log, its claims and commands, the vault and the checkpoints', async () => {
    const original = await openPostgresStorage(database.url);
    await original.log.append([appendOf(write('a', 5))]);
    const stream = streamOf('a');
    const once = { commandId: 'once', take: [{ kind: 'sku', key: 'MUG', stream }] };
    await original.log.append([appendOf(write('a', 2), once)]);
    await original.checkpoints.moveTo('mail', 6 as Position);
    const key = { personId: 'ada', keyId: 'key', wrappedKey: 'wrapped' };
    await original.vault.addPerson({ ...key, passwordHash: 'hash', at: '2026-01-01' });
    await original.close();

    const cluster = await startPostgres();
    await copyDatabase(database.url, cluster.url);
    const copy = await openPostgresStorage(cluster.url);
    const from = (await copy.checkpoints.positionOf('mail'))!;
    expect((await copy.log.readAll(from, 9)).map(({ position }) => position as number)).toEqual([
      7,
    ]);
    expect(await copy.log.holderOf('sku', 'MUG')).toBe(stream);
    expect(await copy.vault.keyOf('ada')).toEqual(key);
    const outcomes = await copy.log.append([
      appendOf(write('a', 2), once),
      appendOf(write('a', 1, 7 as never)),
    ]);
    expect(outcomes).toMatchObject([
      { isRepeated: true, position: 7 },
      { position: 8, version: 8 },
    ]);
    await copy.close();
    await cluster.stop();
  });
});

/** What pg_dump and psql do: the structure, then each table by COPY, then the constraints hold. */
async function copyDatabase(from: string, to: string) {
  await (await openPostgresStorage(to)).close();
  const source = postgres(from, { max: 1, onnotice() {} });
  const target = postgres(to, { max: 1, onnotice() {} });
  const tables = await source<{ name: string }[]>`
    SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) AS name
    FROM pg_tables WHERE schemaname IN ('log', 'vault') ORDER BY tablename <> 'persons'`;
  for (const { name } of tables) {
    await target.begin(async (transaction) => {
      if (name !== 'log.events') await transaction.unsafe(`DELETE FROM ${name}`);
      const rows = await source.unsafe(`COPY ${name} TO STDOUT`).readable();
      const sink = await transaction.unsafe(`COPY ${name} FROM STDIN`).writable();
      await new Promise<void>((resolve, reject) => {
        rows.pipe(sink).on('finish', resolve).on('error', reject);
      });
    });
  }
  await Promise.all([source.end(), target.end()]);
}
