import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import pino from 'pino';
import { openSharedSide } from './shared.ts';
import { startRedis, type TestRedis } from './testing/redis.ts';
import { until } from './testing/until.ts';

describe('nodes of one deployment', () => {
  let redis: TestRedis;
  const opened: ReturnType<typeof startNode>[] = [];

  beforeEach(async () => {
    redis = await startRedis();
  });

  afterEach(async () => {
    for (const node of opened.splice(0)) await node.stop();
    await redis.stop();
  });

  function startNode(deployment = 'one', redisUrl: string | undefined = redis.url) {
    const node = { wakeUps: 0 };
    const side = openSharedSide({
      config: { redisUrl, cachesAnswers: false },
      digest: () => deployment.padEnd(64, '0'),
      newId: () => Bun.randomUUIDv7(),
      wake: () => (node.wakeUps += 1),
      logger: pino({ level: 'silent' }),
      queries: { those: 'of this node' },
    } as never);
    return Object.assign(node, side);
  }

  async function nodes(...deployments: string[]) {
    for (const deployment of deployments) opened.push(startNode(deployment));
    await until(() => opened.every(({ checks }) => checks[0]?.().message === undefined));
    for (const { start } of opened) start();
    return opened;
  }

  /** Appends on one until the other has heard of it. */
  const wakes = (from: (typeof opened)[number], to: { readonly wakeUps: number }) =>
    until(() => {
      from.appended([], 1 as never);
      return to.wakeUps > 0;
    });

  test('wake each other, and none of another deployment', async () => {
    const [one, another, stranger] = await nodes('one', 'one', 'two');
    await wakes(one!, another!);
    another!.wakeUps = 0;
    await wakes(one!, another!);
    expect(stranger!.wakeUps).toBe(0);
  });

  test('wake nobody who has not started', async () => {
    const [one, another] = await nodes('one', 'one');
    const early = startNode();
    opened.push(early);
    await until(() => early.checks[0]?.().message === undefined);
    one!.presence.tell('lobby', ['ada']);
    await until(() => early.presence.elsewhere('lobby').length > 0);
    await wakes(one!, another!);
    one!.presence.tell('lobby', []);
    await until(() => early.presence.elsewhere('lobby').length === 0);
    expect(early.wakeUps).toBe(0);
  });

  test('count together, each limit by itself', async () => {
    const [one, another, stranger] = await nodes('one', 'one', 'two');
    const add = (node: typeof one, limit: string) => node!.counts!(limit, 60_000).add('ada', 1);
    await until(() => Date.now() % 60_000 < 55_000); // what follows lies within one window
    expect(await add(one, 'auth')).toMatchObject({ current: 1 });
    expect(await add(another, 'auth')).toMatchObject({ current: 2 });
    expect(await add(another, 'commands')).toMatchObject({ current: 1 });
    expect(await add(stranger, 'auth')).toMatchObject({ current: 1 });
  });
});

describe('a node without Redis', () => {
  test('is alone, and works all the same', async () => {
    const side = openSharedSide({
      config: { redisUrl: undefined, cachesAnswers: true },
      queries: { those: 'of this node' },
    } as never);
    side.start();
    side.presence.tell('lobby', ['ada']);
    side.appended([], 1 as never);
    expect(side.presence.elsewhere('lobby')).toEqual([]);
    expect(side.queries as unknown).toEqual({ those: 'of this node' });
    expect({ ...side, checks: side.checks.length }).toMatchObject({ checks: 0 });
    expect([side.counts, side.answers]).toEqual([undefined, undefined]);
    await side.stop();
  });
});
