// What a rebuild keeps beside the rows when somebody is erased while it runs: it is removed, whoever dies meanwhile.
import { afterEach, beforeEach, expect, test } from 'bun:test';
import postgres from 'postgres';
import { openPostgresReadModel, openPostgresRebuild } from '../../src/postgres-rows.ts';
import { productsProjection } from '../../src/projections/products.ts';
import { usersProjection } from '../../src/projections/users.ts';
import { openReadModelClient } from '../../src/storage/postgres/read-model.ts';
import { freshDatabase, type TestDatabase } from '../../src/testing/postgres.ts';

const { name, version } = usersProjection;

let database: TestDatabase;
let sql: postgres.Sql;

beforeEach(async () => {
  database = await freshDatabase();
  sql = postgres(database.url, { max: 1, onnotice() {} });
});
afterEach(async () => {
  await sql.end();
  await database.drop();
});

async function places(): Promise<number> {
  const found = await sql`
    SELECT FROM pg_namespace WHERE starts_with(nspname, 'read_model_rebuild_')`;
  return found.length;
}

/** A projector as it begins, and has nothing to do. */
async function openProjector() {
  const readModel = await openPostgresReadModel(database.url);
  await readModel.begin(name, version);
  await readModel.tidy!();
  return readModel;
}

function erasure() {
  const event = {
    type: 'UserErased',
    stream: 'user-ada',
    position: 1,
    version: 1,
    data: {},
    meta: {},
  };
  const changes = usersProjection.changesOf(event as never);
  const { position, stream, type } = event;
  const step = { position, stream, type, time: '2026-01-01T00:00:00.000Z', changes };
  return [{ projection: name, from: 0, to: 1, steps: [step], parked: [], unparked: [] }] as never;
}

test('a rebuild that has ended with whoever knew of it is removed by the next projector', async () => {
  const first = await openProjector();
  const running = await openPostgresRebuild(database.url, [usersProjection]);
  await first.apply(erasure());
  await first.close();
  const second = await openProjector();
  expect(await places()).toBe(1); // it is running, and meets the erasure itself
  await running.close();
  await second.tidy!();
  expect(await places()).toBe(0);
  await second.close();
});

test('so it is where the next projector comes later', async () => {
  const first = await openProjector();
  const running = await openPostgresRebuild(database.url, [usersProjection]);
  await first.apply(erasure());
  await Promise.all([first.close(), running.close()]);
  const second = await openProjector();
  expect(await places()).toBe(0);
  await second.close();
});

test('one that was interrupted while nobody was erased is left for the next to go on with', async () => {
  const interrupted = await openPostgresRebuild(database.url, [productsProjection]);
  await interrupted.close();
  const projector = await openProjector();
  expect(await places()).toBe(1);
  await projector.close();
});

test('what is set for the database does not end a rebuild that takes its time', async () => {
  const { pathname } = new URL(database.url);
  const settings = ['statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout'];
  for (const setting of settings)
    await sql.unsafe(`ALTER DATABASE ${pathname.slice(1)} SET ${setting} = '1s'`);
  const client = openReadModelClient(database.url, 0);
  for (const setting of settings) {
    const [row] = await client`SELECT current_setting(${setting}) AS value`;
    expect(row).toEqual({ value: '0' });
  }
  await client.end();
});
