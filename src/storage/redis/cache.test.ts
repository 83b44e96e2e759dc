import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test';
import type { AnswerCache } from '../../kernel/cached-reads.ts';
import type { Position } from '../../kernel/stream.ts';
import { startRedis, type TestRedis } from '../../testing/redis.ts';
import { until } from '../../testing/until.ts';
import { createRedisCache } from './cache.ts';
import { openRedis, type RedisConnection } from './connection.ts';

const patientMs = 10_000;

const answer = (position: number, text: string) => ({
  position: position as Position,
  hash: 'cafe',
  text,
});

describe('answers in Redis', () => {
  let server: TestRedis;
  let redis: RedisConnection;
  let cache: AnswerCache;

  beforeAll(async () => {
    server = await startRedis();
    redis = openRedis(server.url, () => {}, patientMs);
    await until(() => redis.state().isUp);
    cache = createRedisCache(redis, 'here');
  });

  beforeEach(async () => {
    await server.flush();
  });

  afterAll(async () => {
    await redis.close();
    await server.stop();
  });

  test('come back as they were stored', async () => {
    const text = '{"name":"A mug\\nof 1 litre","price":7}';
    await cache.put('mug', answer(12, text));
    expect(await cache.get('mug')).toEqual(answer(12, text));
    expect([await cache.has('mug'), await cache.has('cup')]).toEqual([true, false]);
    expect(await cache.get('cup')).toBeUndefined();
  });

  test('give way to newer ones only, in whatever order they come', async () => {
    await Promise.all([9, 10, 100, 11, 99].map((at) => cache.put('mug', answer(at, `at ${at}`))));
    expect(await cache.get('mug')).toEqual(answer(100, 'at 100'));
    await cache.put('mug', answer(100, 'another at 100'));
    expect(await cache.get('mug')).toEqual(answer(100, 'at 100'));
  });

  test('expire, so that what nobody asks for any more goes', async () => {
    await cache.put('mug', answer(1, 'a mug'));
    const seconds = await redis.ask((client) => client.ttl('here:answer:mug'));
    expect(seconds).toBeGreaterThan(3_500);
    expect(seconds).toBeLessThanOrEqual(3_600);
  });

  test('of another deployment are others', async () => {
    await cache.put('mug', answer(1, 'a mug'));
    expect(await createRedisCache(redis, 'there').get('mug')).toBeUndefined();
  });

  test('that nobody wrote like this are none, and are replaced', async () => {
    await redis.ask((client) => client.set('here:answer:mug', 'something else'));
    expect(await cache.get('mug')).toBeUndefined();
    await cache.put('mug', answer(1, 'a mug'));
    expect(await cache.get('mug')).toEqual(answer(1, 'a mug'));
  });
});
