import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { startRedis, type TestRedis } from '../../testing/redis.ts';
import { until } from '../../testing/until.ts';
import { openRedis, type RedisConnection, type RedisState } from './connection.ts';

const answerMsMax = 300;

describe('a connection to Redis', () => {
  let server: TestRedis;
  let redis: RedisConnection;
  let states: RedisState[];

  beforeEach(async () => {
    server = await startRedis();
    states = [];
    redis = openRedis(server.url, (state) => states.push(state), answerMsMax);
    await until(isUp);
    states.length = 0;
  });

  afterEach(async () => {
    await redis.close();
    await server.stop();
  });

  const isUp = () => redis.state().isUp;
  const echo = (text: string) => redis.ask((client) => client.echo(text));

  /** Whether a question is answered without waiting for anything from outside. */
  async function isAnsweredAtOnce(): Promise<boolean> {
    const turn = new Promise<'later'>((resolve) => setImmediate(resolve, 'later'));
    return (await Promise.race([echo('?'), turn])) === undefined;
  }

  test('has no answer while the server is dead, and is back when that is', async () => {
    await server.kill();
    await until(() => !isUp());
    expect(await isAnsweredAtOnce()).toBe(true);
    await server.restart();
    await until(isUp);
    expect(await echo('hello')).toBe('hello');
    expect(states.map((state) => state.isUp)).toEqual([false, true]);
  });

  test('makes those wait who ask a frozen server first, and nobody after them', async () => {
    server.freeze();
    const start = performance.now();
    expect(await Promise.all(['a', 'b', 'c'].map(echo))).toEqual(Array(3).fill(undefined));
    expect(performance.now() - start).toBeGreaterThan(answerMsMax - 5);
    expect(states.at(-1)).toEqual({ isUp: false, reason: 'Command timed out' });
    expect(await isAnsweredAtOnce()).toBe(true);
    server.thaw();
    await until(isUp);
    expect(await echo('hello')).toBe('hello');
  });

  test('takes no late answer for that of a later question', async () => {
    for (let freeze = 0; freeze < 3; freeze += 1) {
      server.freeze();
      expect(await echo(`before ${freeze}`)).toBeUndefined();
      server.thaw();
      await until(isUp);
      expect(await echo(`after ${freeze}`)).toBe(`after ${freeze}`);
    }
  });

  test('connects anew to a server that answers nothing for long', async () => {
    server.freeze();
    await echo('?');
    await server.kill();
    await server.restart();
    await until(isUp);
    expect(await echo('hello')).toBe('hello');
  });

  test('tells that there was no server to begin with, and finds it when there is one', async () => {
    await server.kill();
    const late: RedisState[] = [];
    const connection = openRedis(server.url, (state) => late.push(state), answerMsMax);
    try {
      await until(() => late.length > 0);
      expect(late[0]).toMatchObject({ isUp: false });
      await server.restart();
      await until(() => connection.state().isUp);
      expect(late.map((state) => state.isUp)).toEqual([false, true]);
    } finally {
      await connection.close();
    }
  });

  test('goes away over a refusal, and comes back', async () => {
    expect(await redis.ask((client) => client.call('NOSUCH'))).toBeUndefined();
    expect(states.at(-1)).toMatchObject({ isUp: false, reason: expect.stringMatching('NOSUCH') });
    await until(isUp);
  });

  test('is left alone for longer each time it goes away soon after it came back', async () => {
    const outages: number[] = [];
    for (let outage = 0; outage < 4; outage += 1) {
      const start = performance.now();
      await redis.ask((client) => client.call('NOSUCH'));
      await until(isUp);
      outages.push(performance.now() - start);
    }
    for (const [index, ms] of outages.entries())
      expect(ms).toBeGreaterThanOrEqual(240 * 2 ** index);
  });

  test('runs a script after the server has forgotten it', async () => {
    const twice = redis.script<number>("return redis.call('INCRBY', KEYS[1], 2 * ARGV[1])");
    expect([await twice('n', 1), await twice('n', 2)]).toEqual([2, 6]);
    await redis.ask((client) => client.script('FLUSH'));
    expect(await twice('n', 1)).toBe(8);
    await server.kill();
    await server.restartEmpty();
    await until(() => states.length === 2);
    expect(await twice('n', 1)).toBe(2);
  });
});
