import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { startRedis, type TestRedis } from '../testing/redis.ts';
import { until } from '../testing/until.ts';
import { createRedisBroadcast } from './redis/broadcast.ts';
import { openRedis } from './redis/connection.ts';
import { createSharedWakeUp } from './shared-wake-up.ts';

function startNode(url: string, nodeId: string) {
  const redis = openRedis(url, () => {});
  const broadcast = createRedisBroadcast(redis, 'here');
  const node = { wakeUps: 0 };
  const wakeUp = createSharedWakeUp(broadcast, nodeId, () => (node.wakeUps += 1));
  return Object.assign(node, {
    signal: wakeUp.signal,
    isUp: () => redis.state().isUp,
    close() {
      wakeUp.close();
      broadcast.close();
      return redis.close();
    },
  });
}

describe('waking other nodes', () => {
  let server: TestRedis;
  let a: ReturnType<typeof startNode>;
  let b: ReturnType<typeof startNode>;

  beforeEach(async () => {
    server = await startRedis();
    [a, b] = [startNode(server.url, 'a'), startNode(server.url, 'b')];
    await until(hearEachOther);
  });

  afterEach(async () => {
    await a.close();
    await b.close();
    await server.stop();
  });

  /** Signals until both have heard one: what is said before somebody listens is lost. */
  async function hearEachOther(): Promise<boolean> {
    a.signal();
    b.signal();
    return a.wakeUps > 0 && b.wakeUps > 0;
  }

  test('is heard by the others, and not by oneself', async () => {
    await until(() => quiet(a));
    const { wakeUps } = a;
    const heard = b.wakeUps;
    a.signal();
    await until(() => b.wakeUps > heard);
    expect(a.wakeUps).toBe(wakeUps);
  });

  test('is said twice for any number of signals at once: now, and when all of them are there', async () => {
    await until(() => quiet(b));
    const before = b.wakeUps;
    for (let signal = 0; signal < 1_000; signal += 1) a.signal();
    await until(() => b.wakeUps === before + 2);
    expect(await quiet(b)).toBe(true);
    expect(b.wakeUps).toBe(before + 2);
  });

  test('goes on after Redis was away', async () => {
    await server.kill();
    await until(() => !a.isUp());
    a.signal();
    await server.restartEmpty();
    b.wakeUps = 0;
    a.wakeUps = 0;
    await until(hearEachOther);
  });

  /** Whether nothing is heard for several of the pauses between two hints. */
  async function quiet(node: { readonly wakeUps: number }): Promise<boolean> {
    const { wakeUps } = node;
    const end = performance.now() + 40;
    await until(() => performance.now() > end);
    return node.wakeUps === wakeUps;
  }
});
