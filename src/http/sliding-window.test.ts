import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { openRedis, type RedisConnection } from '../storage/redis/connection.ts';
import { createSharedCounts } from '../storage/redis/rate-limit.ts';
import { startRedis, type TestRedis } from '../testing/redis.ts';
import { until } from '../testing/until.ts';
import { type SlidingWindow, slidingWindow } from './sliding-window.ts';

const minute = 60_000;
const patientMs = 10_000;

/** Counts at a time of the given minute, and answers what the library compares with the maximum. */
function counting() {
  const window = slidingWindow();
  return {
    window,
    count: async (minutes: number, key = 'ada') =>
      (await window.increment(key, minute, minutes * minute)).count,
  };
}

describe('the sliding window', () => {
  test('counts the requests of a minute', async () => {
    const { count } = counting();
    expect([await count(10), await count(10.5), await count(10.99)]).toEqual([1, 2, 3]);
  });

  test('counts each key by itself', async () => {
    const { count } = counting();
    await count(10, 'ada');
    expect(await count(10, 'bob')).toBe(1);
  });

  test('counts the minute before by the part of it that still overlaps', async () => {
    const { count } = counting();
    for (let request = 0; request < 8; request += 1) await count(10.9);
    expect(await count(11)).toBe(1 + 8);
    expect(await count(11.25)).toBe(2 + 6);
    expect(await count(11.75)).toBe(3 + 2);
  });

  test('lets nobody double their rate at the turn of a minute', async () => {
    const { count } = counting();
    for (let request = 0; request < 60; request += 1) await count(10.99);
    expect(await count(11.01)).toBeGreaterThanOrEqual(60);
  });

  test('forgets what is two minutes old', async () => {
    const { count } = counting();
    for (let request = 0; request < 8; request += 1) await count(10);
    expect(await count(12)).toBe(1);
    for (let request = 0; request < 8; request += 1) await count(20);
    expect(await count(99)).toBe(1);
  });

  test('says when the minute ends', async () => {
    const { window } = counting();
    const { nextReset } = await window.increment('ada', minute, 10.3 * minute);
    expect(nextReset).toEqual(new Date(11 * minute));
  });

  test('takes back a request that is not to count', async () => {
    const { window, count } = counting();
    await count(10);
    await count(10);
    await window.decrement('ada');
    expect(await count(10)).toBe(2);
    await window.decrement('nobody');
  });

  test('is looked at without being counted', async () => {
    const { window } = counting();
    expect((await window.look('ada')).count).toBe(0);
    await window.increment('ada');
    for (const _ of ['once', 'twice']) expect((await window.look('ada')).count).toBe(1);
  });

  test('forgets one key or all', async () => {
    const { window, count } = counting();
    for (const key of ['ada', 'bob']) await count(10, key);
    await window.reset('ada');
    expect([await count(10, 'ada'), await count(10, 'bob')]).toEqual([1, 2]);
    await window.reset();
    expect([await count(10, 'ada'), await count(10, 'bob')]).toEqual([1, 1]);
  });
});

describe('a window of several nodes', () => {
  let server: TestRedis;
  let nodes: RedisConnection[];
  let windows: SlidingWindow[];

  beforeEach(async () => {
    server = await startRedis();
    nodes = [1, 2].map(() => openRedis(server.url, () => {}, patientMs));
    await until(() => nodes.every((node) => node.state().isUp));
    await until(() => Date.now() % minute < minute - 5_000); // what follows lies within one window
    windows = nodes.map((node) => slidingWindow(createSharedCounts(node, 'limit', minute)));
    for (const window of windows) window.init({ max: 3 } as never);
  });

  afterEach(async () => {
    for (const node of nodes) await node.close();
    await server.stop();
  });

  const count = async (node: number) => (await windows[node]!.increment('ada')).count;

  /** Counts on a node until the number is one that can come from what all have counted. */
  const countsAtLeast = (node: number, least: number) =>
    until(async () => (await count(node)) >= least);

  test('counts the requests of all', async () => {
    expect([await count(0), await count(1), await count(0)]).toEqual([1, 2, 3]);
  });

  test('says when there is room again', async () => {
    for (let request = 0; request < 6; request += 1) await count(request % 2);
    const before = Date.now();
    const { nextReset } = await windows[0]!.increment('ada');
    expect(nextReset.getTime()).toBeGreaterThan(before);
    expect(nextReset.getTime()).toBeLessThanOrEqual(before + 2 * minute);
  });

  test('is that of each alone while Redis is away, with what it has counted itself', async () => {
    for (const node of [0, 0, 1]) await count(node);
    await server.kill();
    await until(() => nodes.every((node) => !node.state().isUp));
    expect([await count(0), await count(1)]).toEqual([3, 2]);
    await server.restart();
    await until(() => nodes.every((node) => node.state().isUp));
    await countsAtLeast(1, 4);
  });

  test('forgets nothing that the node has counted when Redis forgets all', async () => {
    for (let request = 0; request < 5; request += 1) await count(0);
    await server.flush();
    expect(await count(0)).toBe(6);
    expect(await count(1)).toBe(2);
  });

  test('is looked at without being counted', async () => {
    for (const node of [0, 1]) await count(node);
    for (const node of [0, 1, 0]) expect((await windows[node]!.look('ada')).count).toBe(2);
    expect((await windows[0]!.look('bob')).count).toBe(0);
  });

  test('takes back and forgets for all', async () => {
    await count(0);
    await windows[0]!.decrement('ada');
    expect(await count(1)).toBe(1);
    await windows[1]!.reset('ada');
    expect(await count(0)).toBe(1);
  });
});
