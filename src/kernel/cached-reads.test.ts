import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test';
import { Redis } from 'ioredis';
import { createMemoryLog } from '../storage/memory/event-log.ts';
import { createRedisCache } from '../storage/redis/cache.ts';
import { openRedis, type RedisConnection } from '../storage/redis/connection.ts';
import { keysInMemory } from '../testing/keys.ts';
import { appendOf, streamOf, write } from '../testing/log.ts';
import { type Random, seededRandom } from '../testing/random.ts';
import { startRedis, type TestRedis } from '../testing/redis.ts';
import { until } from '../testing/until.ts';
import { type CachedReads, createCachedReads, type Question } from './cached-reads.ts';
import { createRecentChanges, type RecentChanges } from './recent-changes.ts';
import type { Position } from './stream.ts';

const patientMs = 10_000;
const windowSize = 12;

/** How many events a stream had when the rows were asked, and how often the rows had been made by then. */
type Value = { readonly events: number; readonly build: number };
type Rows = { readonly position: Position; readonly build: number };

let server: TestRedis;
let redis: RedisConnection;
let raw: Redis;

beforeAll(async () => {
  server = await startRedis();
  redis = openRedis(server.url, () => {}, patientMs);
  raw = new Redis(server.url);
  await until(() => redis.state().isUp);
});

afterEach(async () => {
  await server.flush();
});

afterAll(async () => {
  raw.disconnect();
  await redis.close();
  await server.stop();
});

/** One log, and rows that follow it, which all nodes read. */
function world() {
  const log = createMemoryLog();
  const streams: string[] = [];
  let rows: Rows = { position: 0 as Position, build: 1 };
  const eventsIn = (id: string, position: number) =>
    streams.slice(0, position).filter((stream) => stream === id).length;
  return {
    log,
    eventsIn,
    rows: () => rows,
    async append(id: string) {
      await log.append([appendOf(write(id))]);
      streams.push(id);
    },
    project(events = streams.length) {
      const position = Math.min(rows.position + events, streams.length) as Position;
      rows = { ...rows, position };
    },
    rebuild() {
      rows = { ...rows, build: rows.build + 1 };
    },
    question: (id: string): Question<Value> => ({
      projection: 'counts',
      name: id,
      subject: streamOf(id),
      ask() {
        const at = { position: rows.position, build: String(rows.build) };
        const value = { events: eventsIn(id, rows.position), build: rows.build };
        return { value, before: at, after: at };
      },
    }),
    /** How many events there are in all streams. */
    total: (): Question<Value> => ({
      projection: 'counts',
      name: 'total',
      subject: 'test',
      ask() {
        const at = { position: rows.position, build: String(rows.build) };
        return { value: { events: rows.position, build: rows.build }, before: at, after: at };
      },
    }),
  };
}

type World = ReturnType<typeof world>;

const failures: unknown[] = [];

async function startNode({ log, rows }: World, keyring = keysInMemory().keyring()) {
  const changes: RecentChanges = createRecentChanges(log, windowSize);
  let known = rows();
  const reads: CachedReads = createCachedReads({
    cache: createRedisCache(redis, 'here'),
    changes,
    keyring,
    rowsOf: () => ({ position: known.position, build: String(known.build) }),
    onFailure: (error) => failures.push(error),
  });
  const node = {
    ...reads,
    known: () => known,
    learn: () => void (known = rows()),
    async follow() {
      while (await changes.advance());
    },
    async isUpToDate() {
      node.learn();
      await node.follow();
    },
  };
  await node.follow();
  return node;
}

type Node = Awaited<ReturnType<typeof startNode>>;

const isCached = (name: string) => async () =>
  (await raw.exists(`here:answer:counts:${name}`)) === 1;

describe('a cached answer', () => {
  async function prepared() {
    const all = world();
    await all.append('a');
    all.project();
    const nodes = [await startNode(all), await startNode(all)] as const;
    expect(await nodes[0].read(all.question('a'))).toEqual({ events: 1, build: 1 });
    await until(isCached('1:a'));
    return { ...all, nodes };
  }

  test('is found by every node, until something happens to its stream', async () => {
    const { nodes, append, project, question } = await prepared();
    await append('b');
    project();
    for (const node of nodes) await node.isUpToDate();
    expect(await nodes[1].read(question('a'))).toEqual({ events: 1, build: 1 });
    expect(nodes[1].counts()).toEqual({ hits: 1, misses: 0, outdated: 0 });
    await append('a');
    project();
    await nodes[1].isUpToDate();
    expect(await nodes[1].read(question('a'))).toEqual({ events: 2, build: 1 });
    expect(nodes[1].counts()).toEqual({ hits: 1, misses: 1, outdated: 1 });
  });

  test('is not used by a node that knows of newer rows than of events', async () => {
    const { nodes, append, project, question } = await prepared();
    await append('a');
    project();
    nodes[1].learn();
    expect(await nodes[1].read(question('a'))).toEqual({ events: 2, build: 1 });
  });

  test('is not used by a node after it has answered from newer rows', async () => {
    const { nodes, append, project, question } = await prepared();
    await append('a');
    project();
    const key = 'here:answer:counts:1:a';
    const older = (await raw.getdel(key))!;
    expect(await nodes[1].read(question('a'))).toEqual({ events: 2, build: 1 });
    await raw.set(key, older);
    expect(await nodes[1].read(question('a'))).toEqual({ events: 2, build: 1 });
  });

  test('of another history is none, though its position be right', async () => {
    const { nodes, question } = await prepared();
    const key = 'here:answer:counts:1:a';
    const [position, , text] = (await raw.get(key))!.split(' ');
    await raw.set(key, `${position} 0123abcd ${text!.replace('1', '9')}`);
    expect(await nodes[1].read(question('a'))).toEqual({ events: 1, build: 1 });
    expect(nodes[1].counts()).toMatchObject({ hits: 0, outdated: 1 });
  });

  test('of earlier rows is none for a node that has heard of a rebuild', async () => {
    const { nodes, rebuild, question } = await prepared();
    rebuild();
    expect(await nodes[1].read(question('a'))).toEqual({ events: 1, build: 1 });
    nodes[1].learn();
    expect(await nodes[1].read(question('a'))).toEqual({ events: 1, build: 2 });
  });

  test('is brought up to date where it is cached, and nowhere else', async () => {
    const { nodes, append, project, question } = await prepared();
    await append('a');
    await append('b');
    project();
    for (const node of nodes) await node.isUpToDate();
    await nodes[0].refresh(question('a'));
    await nodes[0].refresh(question('b'));
    expect(await nodes[1].read(question('a'))).toEqual({ events: 2, build: 1 });
    expect(nodes[1].counts()).toEqual({ hits: 1, misses: 0, outdated: 0 });
    expect(await isCached('1:b')()).toBe(false);
  });

  test('tells that there is nothing any more, but nothing is cached of what never was', async () => {
    const { nodes, question } = await prepared();
    const gone = { ...question('a'), ask: absentAt(question('a')) };
    await nodes[0].read({ ...gone, name: 'never' });
    await raw.set('here:answer:counts:1:a', '0  {}');
    await nodes[0].refresh(gone);
    expect(await nodes[1].read(gone)).toBeUndefined();
    expect(nodes[1].counts()).toMatchObject({ hits: 1, misses: 0 });
    expect(await isCached('1:never')()).toBe(false);
  });

  function absentAt({ ask }: Question<Value>) {
    return async () => ({ ...(await ask()), value: undefined });
  }
});

describe('an answer found while the rows went on', () => {
  test('is cached if they went on with something else, and not otherwise', async () => {
    const all = world();
    const node = await startNode(all);
    for (const id of ['a', 'b', 'c']) await all.append(id);
    all.project();
    await node.isUpToDate();
    const at = (position: number) => ({ position: position as Position, build: '1' });
    const asked = (name: string, before: number, subject = name) => ({
      ...all.question(name),
      subject: streamOf(subject),
      ask: () => ({ value: { events: 1, build: 1 }, before: at(before), after: at(3) }),
    });
    await node.read(asked('c', 2));
    await node.read({
      ...asked('b', 2),
      ask: () => ({ ...asked('b', 2).ask(), before: { ...at(2), build: '0' } }),
    });
    await node.read(asked('a', 2));
    await until(isCached('1:a'));
    expect([await isCached('1:b')(), await isCached('1:c')()]).toEqual([false, false]);
  });
});

describe('what is cached about a person', () => {
  const name = 'Ada Lovelace of Marylebone';

  test('cannot be read in Redis, and by nobody once their key is gone', async () => {
    const keys = keysInMemory();
    keys.add('ada');
    const all = world();
    await all.append('ada');
    all.project();
    const asked = (value: object) => ({
      ...all.question('ada'),
      person: 'ada',
      ask: async () => ({ ...(await all.question('ada').ask()), value: value as Value }),
    });
    const node = await startNode(all, keys.keyring());
    await node.read(asked({ name }));
    await until(isCached('1:ada'));
    expect(JSON.stringify(await server.contents())).not.toContain('Lovelace');
    expect(await node.read(asked({}))).toEqual({ name } as never);

    keys.remove('ada');
    const later = await startNode(all, keys.keyring());
    expect(await later.read(asked({ name: '[erased]' }))).toEqual({ name: '[erased]' } as never);
    await raw.del('here:answer:counts:1:ada');
    await later.refresh(asked({ name }));
    expect(failures).toEqual([]);
    expect(await server.contents()).toEqual({});
  });
});

describe('whatever happens to Redis and in whatever order nodes hear of things', () => {
  const ids = ['a', 'b', 'c', 'd'];
  const rounds = 3_000;

  test('nobody sees what is older than their node knows, or has shown before', async () => {
    const random = seededRandom('cached answers');
    const all = world();
    const nodes = [await startNode(all), await startNode(all), await startNode(all)];
    const shown = nodes.map(() => new Map<string, Value>());
    const copies: Record<string, string>[] = [{}];
    let reading: Promise<void>[] = [];

    async function read(node: Node, before: Map<string, Value>): Promise<void> {
      const id = random.pick([...ids, 'total']);
      const isTotal = id === 'total';
      const countAt = (position: number) => (isTotal ? position : all.eventsIn(id, position));
      const known = node.known();
      const earlier = before.get(id);
      const value = (await node.read(isTotal ? all.total() : all.question(id)))!;
      expect(value.events).toBeGreaterThanOrEqual(countAt(known.position));
      expect(value.events).toBeLessThanOrEqual(countAt(all.rows().position));
      expect(value.build).toBeGreaterThanOrEqual(known.build);
      expect(value.events).toBeGreaterThanOrEqual(earlier?.events ?? 0);
      if (value.events > (before.get(id)?.events ?? 0)) before.set(id, value);
    }

    const happenings: [weight: number, happen: () => Promise<void> | void][] = [
      [4, () => all.append(random.pick(ids))],
      [4, () => all.project(random.between(1, 3))],
      [4, () => random.pick(nodes).learn()],
      [4, () => random.pick(nodes).follow()],
      [20, () => void reading.push(readSomewhere(random))],
      [0.2, () => all.rebuild()],
      [0.3, () => server.flush()],
      [1, async () => void copies.push(await server.contents())],
      [1, () => putBack(random.pick(copies))],
      [1, async () => void (await Promise.all(reading.splice(0)))],
    ];
    const weights = happenings.reduce((sum, [weight]) => sum + weight, 0);

    function readSomewhere({ below }: Random) {
      const index = below(nodes.length);
      return read(nodes[index]!, shown[index]!);
    }

    async function putBack(copy: Record<string, string>) {
      for (const [key, text] of Object.entries(copy)) await raw.set(key, text);
    }

    for (let round = 0; round < rounds; round += 1) {
      let chance = random.below(weights * 1_000) / 1_000;
      const [, happen] = happenings.find(([weight]) => (chance -= weight) < 0)!;
      await happen();
    }
    await Promise.all(reading);
    expect(failures).toEqual([]);
    for (const node of nodes) expect(node.counts().hits).toBeGreaterThan(20);
  });
});
