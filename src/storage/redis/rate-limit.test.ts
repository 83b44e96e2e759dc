import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { startRedis, type TestRedis } from '../../testing/redis.ts';
import { until } from '../../testing/until.ts';
import { openRedis, type RedisConnection } from './connection.ts';
import { createSharedCounts, type SharedCounts } from './rate-limit.ts';

const windowMs = 1_000;
const patientMs = 10_000;

describe('requests counted by all nodes together', () => {
  let server: TestRedis;
  let nodes: RedisConnection[];
  let counts: SharedCounts[];

  beforeEach(async () => {
    server = await startRedis();
    nodes = [1, 2].map(() => openRedis(server.url, () => {}, patientMs));
    await until(() => nodes.every((node) => node.state().isUp));
    counts = nodes.map((node) => createSharedCounts(node, 'limit', windowMs));
  });

  afterEach(async () => {
    for (const node of nodes) await node.close();
    await server.stop();
  });

  const add = (node: number, key = 'ada', by: 1 | -1 = 1) => counts[node]!.add(key, by);

  async function redisMs(): Promise<number> {
    const [seconds, microseconds] = (await nodes[0]!.ask((redis) => redis.time()))!;
    return Number(seconds) * 1_000 + Math.floor(Number(microseconds) / 1_000);
  }

  /** Waits for the first half of the next window, so that what follows lies within it. */
  async function nextWindow(): Promise<number> {
    const window = Math.floor((await redisMs()) / windowMs);
    await until(async () => Math.floor((await redisMs()) / windowMs) > window);
    return window + 1;
  }

  test('are one sum, and one for each key', async () => {
    await nextWindow();
    const sums = [await add(0), await add(1), await add(0), await add(1, 'bob')];
    expect(sums.map((sum) => sum?.current)).toEqual([1, 2, 3, 1]);
  });

  test('are all counted when they come at once', async () => {
    await nextWindow();
    const sums = await Promise.all(Array.from({ length: 100 }, (_, index) => add(index % 2)));
    const order = sums.map((sum) => sum!.current + sum!.previous).toSorted((a, b) => a - b);
    expect(order).toEqual(Array.from({ length: 100 }, (_, index) => index + 1));
  });

  test('become those of the window before when it is over, and are forgotten after the next', async () => {
    const first = await nextWindow();
    for (let request = 0; request < 5; request += 1) await add(request % 2);
    expect(await nextWindow()).toBe(first + 1);
    const next = await add(0);
    expect(next).toMatchObject({ current: 1, previous: 5 });
    expect(next!.elapsedMs).toBeGreaterThanOrEqual(0);
    expect(next!.elapsedMs).toBeLessThan(windowMs);
    await nextWindow();
    await nextWindow();
    expect(await add(1)).toMatchObject({ current: 1, previous: 0 });
  });

  test('are taken back one by one, but not below none', async () => {
    await nextWindow();
    await add(0);
    expect(await add(1, 'ada', -1)).toMatchObject({ current: 0 });
    expect(await add(1, 'ada', -1)).toMatchObject({ current: 0 });
  });

  test('do not begin again when the clock of Redis goes back', async () => {
    await nextWindow();
    await add(0);
    const ahead = Math.floor((await redisMs()) / windowMs) + 1_000;
    await nodes[0]!.ask((redis) => redis.hset('limit:ada', 'window', ahead));
    expect(await add(0)).toEqual({ current: 2, previous: 0, elapsedMs: 0 });
  });

  test('are forgotten when it is asked for', async () => {
    await nextWindow();
    await add(0);
    await counts[1]!.forget('ada');
    expect(await add(0)).toMatchObject({ current: 1, previous: 0 });
  });

  test('leave nothing behind', async () => {
    await add(0);
    await until(async () => Object.keys(await server.contents()).length === 0);
  });

  test('cannot be had while Redis is away, and can be when it is back', async () => {
    await server.kill();
    expect(await add(0)).toBeUndefined();
    await server.restart();
    await until(() => nodes[0]!.state().isUp);
    expect(await add(0)).toMatchObject({ current: expect.any(Number) });
  });
});
