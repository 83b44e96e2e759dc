import { afterAll, beforeAll, setDefaultTimeout } from 'bun:test';
import { startPostgres } from '../../src/testing/postgres-server.ts';
import { openPostgresRows } from '../../src/testing/row-engines.ts';
import { readModelContract } from './read-model.contract.ts';

setDefaultTimeout(60_000);

let server: Awaited<ReturnType<typeof startPostgres>>;

beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.stop());

readModelContract('PostgreSQL', async () => openPostgresRows(await server.freshDatabase()));
