// One log, projected and queried by both engines: what they keep and what they answer is the same.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { Database } from 'bun:sqlite';
import { drizzle } from 'drizzle-orm/bun-sqlite';
import postgres from 'postgres';
import { registry } from '../../src/events/index.ts';
import type { NewEvent } from '../../src/kernel/event-log.ts';
import { createProjector } from '../../src/kernel/projector.ts';
import type { ReadModel } from '../../src/kernel/read-model.ts';
import { reach, rebuild } from '../../src/kernel/rebuild.ts';
import type { Position, StreamName } from '../../src/kernel/stream.ts';
import { openPostgresReadModel, openPostgresReads } from '../../src/postgres-rows.ts';
import { projections } from '../../src/projections/index.ts';
import { sqliteReads } from '../../src/queries/engines.ts';
import { createQueries, type Queries } from '../../src/queries/index.ts';
import { createMemoryLog } from '../../src/storage/memory/event-log.ts';
import { countingIds } from '../../src/testing/clock.ts';
import { keysInMemory } from '../../src/testing/keys.ts';
import { appendOf } from '../../src/testing/log.ts';
import { people, randomEvents } from '../../src/testing/random-events.ts';
import { seededRandom } from '../../src/testing/random.ts';
import {
  openPostgresRows,
  openSqliteRows,
  type OpenedReadModel,
} from '../../src/testing/row-engines.ts';

setDefaultTimeout(60_000);

const eventCount = 10_000;
const random = seededRandom('two engines');
const next = randomEvents(random);
const log = createMemoryLog();
const keys = keysInMemory();
const keyring = keys.keyring();
const newId = countingIds();
const end = Infinity as Position;

let sqlite: OpenedReadModel & { readonly file: string };
let inPostgres: OpenedReadModel & { readonly url: string };
let database: Database;
let queries: Queries;
let reads: ReturnType<typeof openPostgresReads>;

async function happens(count: number): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    const { stream, event } = next();
    const encoded: NewEvent = await registry.encode(event, { id: newId(), stream }, keyring);
    await log.append([
      appendOf({ stream: stream as StreamName, expected: 'any', events: [encoded] }),
    ]);
  }
}

const projectorOf = (readModel: ReadModel, pageSize = random.between(100, 3_000)) =>
  createProjector({ log, registry, keyring, readModel, projections, pageSize });

async function rebuildInPostgres() {
  const beside = await inPostgres.openBeside(projections);
  try {
    const names = projections.map(({ name }) => name);
    await rebuild({ log, projector: projectorOf(beside), beside, projections: names });
  } finally {
    await beside.close();
  }
}

beforeAll(async () => {
  sqlite = await openSqliteRows();
  inPostgres = await openPostgresRows();
  database = new Database(sqlite.file);
  queries = createQueries(sqliteReads(drizzle(database)));
  reads = openPostgresReads(inPostgres.url);
  people.forEach(keys.add);
  await happens(eventCount);
  await reach(projectorOf(sqlite.readModel), end);
  await reach(projectorOf(inPostgres.readModel), end);
});

afterAll(async () => {
  database.close();
  await reads.close();
  await inPostgres.close();
  await sqlite.close();
});

describe(`${eventCount} random events`, () => {
  test('give the same rows, checkpoints and parked events in both engines', async () => {
    const kept = await sqlite.dump();
    expect(kept['checkpoints']).toHaveLength(projections.length);
    expect(kept['parked_events']!.length).toBeGreaterThan(20);
    expect(kept['products']!.length).toBeGreaterThan(20);
    expect(await inPostgres.dump()).toEqual(kept);
  });

  test('give the same again when PostgreSQL builds its rows anew', async () => {
    await inPostgres.run("UPDATE products SET name = 'spoiled'");
    await inPostgres.run('DELETE FROM messages');
    await rebuildInPostgres();
    expect(await inPostgres.dump()).toEqual(await sqlite.dump());
  });
});

describe('a query', () => {
  const bothAnswer = async (ask: (queries: Queries) => Promise<unknown>) => {
    const answer = await ask(queries);
    expect(await ask(reads.queries)).toEqual(answer);
    return answer as never;
  };
  const searches = [
    '',
    'mug',
    'MUG',
    '_',
    '%',
    '\\',
    'große',
    'é_100%',
    '\u{1F600}',
    '"q"',
    'nul\0',
    '{x,y}',
  ];

  test.each(searches)('for %j finds the same in both engines', async (search) => {
    const request = { page: 1, limit: 100, search };
    const { total }: { total: number } = await bothAnswer(({ products }) => products.list(request));
    expect(total).toBeGreaterThan(0);
    await bothAnswer(({ products }) => products.list({ page: 2, limit: 7, search }));
    await bothAnswer(({ users }) => users.list(request));
  });

  test('by id answers the same, and nothing for what is not there', async () => {
    const { data } = await queries.products.list({ page: 1, limit: 100, search: '' });
    for (const { id } of data) await bothAnswer(({ products }) => products.byId(id));
    for (const id of people) await bothAnswer(({ users }) => users.byId(id));
    for (const id of ['', 'nobody', 'nul\0', "' OR 1=1"]) {
      expect(await bothAnswer(({ products }) => products.byId(id))).toBeUndefined();
    }
  });

  test('for names answers the same', async () => {
    const { data } = await queries.users.list({ page: 1, limit: 100, search: '' });
    const names = [...data.map(({ name }) => name.toLowerCase()), 'nobody'];
    expect(data.length).toBeGreaterThan(5);
    const found: readonly unknown[] = await bothAnswer(({ users }) => users.named(names));
    expect(found).toHaveLength(new Set(names).size - 1);
  });

  test('for messages and notifications answers the same', async () => {
    for (const before of [Number.MAX_SAFE_INTEGER, eventCount / 2]) {
      const rows: readonly unknown[] = await bothAnswer(({ chat }) =>
        chat.inRoom('lobby', before, 50),
      );
      expect(rows).toHaveLength(50);
    }
    for (const userId of people) {
      for (const unread of [true, false]) {
        await bothAnswer(({ notifications }) =>
          notifications.of(userId, { page: 1, limit: 20, unread }),
        );
      }
    }
  });
});

describe('a swap in PostgreSQL', () => {
  const waiting = async (sql: postgres.Sql, isAwaited: postgres.PendingQuery<postgres.Row[]>) => {
    const [row] =
      await sql`SELECT count(*)::int AS number FROM pg_locks WHERE NOT granted ${isAwaited}`;
    return row!['number'] > 0;
  };

  test('leaves every index, and nothing of its own', async () => {
    const sql = postgres(inPostgres.url, { max: 1 });
    const indexes = () => sql`
      SELECT indexdef FROM pg_indexes WHERE schemaname = 'read_model' ORDER BY indexname`;
    const places = () => sql`
      SELECT nspname FROM pg_namespace WHERE starts_with(nspname, 'read_model_rebuild')`;
    const before = await indexes();
    expect(before.map(({ indexdef }) => indexdef).join()).toContain('products_by_position');
    await rebuildInPostgres();
    expect([...(await indexes())]).toEqual([...before]);
    expect([...(await places())]).toEqual([]);
    await (await inPostgres.openBeside(projections)).close();
    const raised = projections.map((one) => ({ ...one, version: one.version + 1 }));
    await (await inPostgres.openBeside(raised)).close();
    expect(await places()).toHaveLength(1); // what another version had begun is gone
    await sql.end();
  });

  test('loses nothing of a projector that comes in between', async () => {
    const sql = postgres(inPostgres.url, { max: 1 });
    const live = inPostgres.readModel;
    const beside = await inPostgres.openBeside(projections);
    const builder = projectorOf(beside);
    await reach(builder, end);
    await happens(50);
    const applied = new AbortController();
    let following: Promise<unknown> = Promise.resolve();
    await beside.swap(
      projections.map(({ name }) => name),
      async (to) => {
        await reach(builder, to);
        following = reach(projectorOf(live), end).then(() => applied.abort());
        while (!applied.signal.aborted && !(await waiting(sql, sql``)));
      },
    );
    await beside.close();
    await following;
    await reach(projectorOf(sqlite.readModel), end);
    expect(await inPostgres.dump()).toEqual(await sqlite.dump());
    await sql.end();
  });

  test('is nothing that readers notice, nor a projector that goes on', async () => {
    const projector = projectorOf(inPostgres.readModel, 50);
    const { total } = await reads.queries.products.list({ page: 1, limit: 1, search: '' });
    const over = new AbortController();
    const seen = new Set<number>();
    const read = async () => {
      while (!over.signal.aborted) {
        const page = await reads.queries.products.list({ page: 1, limit: 1, search: '' });
        seen.add(page.total);
        await reads.queries.chat.inRoom('lobby', Number.MAX_SAFE_INTEGER, 5);
      }
    };
    const follow = async () => {
      while (!over.signal.aborted) {
        // A projector whose checkpoint was swapped reads it anew.
        await projector.advance().catch(({ name }: Error) => expect(name).toBe('CheckpointMoved'));
        await new Promise<void>((resolve) => setImmediate(resolve));
      }
    };
    const readers = [read(), read(), read(), read()];
    for (let round = 0; round < 3; round += 1) await rebuildInPostgres();
    expect([...seen]).toEqual([total]);
    const following = follow();
    for (let round = 0; round < 3; round += 1) {
      const [, rebuilt] = await Promise.allSettled([happens(200), rebuildInPostgres()]);
      expect(rebuilt.status).toBe('fulfilled');
    }
    over.abort();
    await Promise.all([...readers, following]);
    await reach(projectorOf(sqlite.readModel), end);
    await reach(projectorOf(inPostgres.readModel), end);
    expect(await inPostgres.dump()).toEqual(await sqlite.dump());
  });

  test('waits for a reader that takes its time, without holding up the others for long', async () => {
    const slow = postgres(inPostgres.url, { max: 1 });
    const reading = Promise.withResolvers<void>();
    const held = Promise.withResolvers<void>();
    const transaction = slow.begin(async (sql) => {
      await sql`SELECT count(*) FROM read_model.products`;
      reading.resolve();
      await held.promise;
    });
    await reading.promise;
    let isSwapped = false;
    const swapping = rebuildInPostgres().then(() => (isSwapped = true));
    const observer = postgres(inPostgres.url, { max: 1 });
    const isExclusive = observer`AND mode = 'AccessExclusiveLock'`;
    while (!(await waiting(observer, isExclusive)));
    expect(
      (await reads.queries.products.list({ page: 1, limit: 1, search: '' })).data,
    ).toHaveLength(1);
    expect(isSwapped).toBe(false);
    held.resolve();
    await Promise.all([transaction, swapping]);
    expect(await inPostgres.dump()).toEqual(await sqlite.dump());
    await Promise.all([slow.end(), observer.end()]);
  });

  test('is for one rebuild at a time', async () => {
    const first = await inPostgres.openBeside(projections);
    await expect(inPostgres.openBeside(projections)).rejects.toThrow('another rebuild is running');
    await first.close();
    await (await inPostgres.openBeside(projections)).close();
  });
});

describe('a fence', () => {
  test('that no longer holds keeps everything as it was', async () => {
    const fenced = await openPostgresReadModel(inPostgres.url, async (transaction) => {
      const [row] =
        await transaction`SELECT position FROM read_model.checkpoints FOR SHARE LIMIT 1`;
      expect(row).toBeDefined();
      throw new Error('the lease is lost');
    });
    const before = await inPostgres.dump();
    await happens(20);
    await expect(projectorOf(fenced).advance()).rejects.toThrow('the lease is lost');
    expect(await inPostgres.dump()).toEqual(before);
    await fenced.close();
  });
});
