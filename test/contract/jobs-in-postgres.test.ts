import { afterAll, beforeAll, setDefaultTimeout } from 'bun:test';
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
