import { afterAll, beforeAll } from 'bun:test';
import { join } from 'node:path';
import { startRedis, type TestRedis } from '../../src/testing/redis.ts';
import { jobsContract } from './jobs.contract.ts';

let redis: TestRedis;

beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());

jobsContract('a file', (directory) => ({ engine: 'sqlite', file: join(directory, 'jobs.db') }));

jobsContract('Redis', () => ({ engine: 'redis', url: redis.url, prefix: crypto.randomUUID() }));
