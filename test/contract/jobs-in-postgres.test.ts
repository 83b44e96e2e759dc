import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test';
import { startCuttingProxy } from '../../src/testing/cutting-proxy.ts';
import { openJobs, until } from '../../src/testing/job-engines.ts';
import { freshDatabase, type TestDatabase } from '../../src/testing/postgres.ts';
import { jobsContract } from './jobs.contract.ts';

setDefaultTimeout(60_000);

let database: TestDatabase;
let places = 0;

beforeAll(async () => {
  database = await freshDatabase();
});
afterAll(() => database.drop());

jobsContract('PostgreSQL', () => {
  places += 1;
  return { engine: 'postgres', url: database.url, schema: `jobs_${places}` };
});

test('a queue whose first connections are cut is worked on once they hold', async () => {
  const address = new URL(database.url);
  let connections = 0;
  const proxy = await startCuttingProxy(
    { host: address.hostname, port: Number(address.port) },
    () => {
      connections += 1;
      return connections <= 6 ? 200 : Number.POSITIVE_INFINITY;
    },
  );
  address.port = String(proxy.port);
  const place = { engine: 'postgres', url: address.href, schema: 'jobs_behind_cuts' } as const;
  const jobs = await openJobs(place, { onTrouble: () => {} });
  const done: string[] = [];
  jobs.work(new Map([['effect', async ({ id }) => void done.push(id)]]));
  const enqueue = () =>
    jobs.enqueue({ id: 'a', name: 'effect', data: { about: 'a' } }).then(
      () => true,
      () => false,
    );
  await until(enqueue);
  await until(() => done.length > 0);
  expect(done).toEqual(['a']);
  expect(proxy.cuts()).toBeGreaterThan(2);
  await jobs.close();
  await proxy.close();
});
