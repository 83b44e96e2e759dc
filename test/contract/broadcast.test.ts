import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import postgres from 'postgres';
import type { Broadcast } from '../../src/kernel/broadcast.ts';
import { openPostgresStorage, type PostgresStorage } from '../../src/storage/postgres/storage.ts';
import { freshDatabase, type TestDatabase } from '../../src/testing/postgres.ts';
import { until } from '../../src/testing/until.ts';

let database: TestDatabase;
let nodes: readonly [PostgresStorage, PostgresStorage];

beforeEach(async () => {
  database = await freshDatabase();
  nodes = [await openPostgresStorage(database.url), await openPostgresStorage(database.url)];
});
afterEach(async () => {
  await Promise.all(nodes.map((node) => node.close()));
  await database.drop();
});

/** What a node hears on a topic; it listens once it has heard of itself. */
async function listener({ publish, subscribe }: Broadcast, topic: string) {
  const heard: string[] = [];
  subscribe(topic, (text) => heard.push(text));
  await until(async () => {
    publish(topic, 'here?');
    await Bun.sleep(5);
    return heard.length > 0;
  });
  return { heard, others: () => heard.filter((text) => text !== 'here?') };
}

describe('what is published through PostgreSQL', () => {
  const [short, empty] = ['Hello', ''];
  const long = Array.from({ length: 40_000 }, (_, index) => 'aß漢😀\n'[index % 5]).join('');

  test('is heard by every node, whole, however long it is', async () => {
    const [one, other] = nodes;
    const heard = [
      await listener(one.broadcast, 'topic'),
      await listener(other.broadcast, 'topic'),
    ];
    const texts = [short, long.toWellFormed(), empty];
    for (const text of texts) one.broadcast.publish('topic', text);
    for (const { others } of heard) {
      await until(() => others().length === texts.length);
      expect(others().toSorted()).toEqual(texts.toSorted());
    }
  });

  test('is heard on its topic alone', async () => {
    const [one, other] = nodes;
    const heard = await listener(other.broadcast, 'one topic');
    const elsewhere = await listener(other.broadcast, 'another topic');
    one.broadcast.publish('another topic', short);
    await until(() => elsewhere.others().length === 1);
    expect(heard.others()).toEqual([]);
  });

  test('is heard again after the connection that listens was lost', async () => {
    const [one, other] = nodes;
    const { others } = await listener(other.broadcast, 'topic');
    const sql = postgres(database.url, { max: 1, onnotice() {} });
    await sql`
      SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND query ILIKE 'listen%'`;
    await sql.end();
    await until(async () => {
      one.broadcast.publish('topic', short);
      await Bun.sleep(5);
      return others().length > 0;
    });
  });
});
