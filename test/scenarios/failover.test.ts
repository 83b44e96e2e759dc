// A node that is killed, or falls asleep, is followed by another.
import { afterAll, expect, setDefaultTimeout, test } from 'bun:test';
import postgres from 'postgres';
import { startNodes } from '../../src/testing/chaos.ts';
import { spawnCommand } from '../../src/testing/command-line.ts';
import { signUp } from '../../src/testing/server.ts';
import { openChat } from '../../src/testing/streams.ts';
import { until } from '../../src/testing/until.ts';
import { eventually, newSku, send } from '../http/requests.ts';

setDefaultTimeout(60_000);

/** What is promised: see docs/scaling.md. */
const failoverMsMax = 3_000;
const toCountEverywhereMs = 1_000;

const fleet = await startNodes(1);
afterAll(async () => {
  await fleet.stop();
  await fleet.database.drop();
});

/** Somebody reads or copies the table of products for as long as they like. */
async function holdProducts(mode: 'SHARE' | 'ACCESS SHARE') {
  const stranger = postgres(fleet.database.url, { max: 1, onnotice() {} });
  const over = Promise.withResolvers<void>();
  const held = Promise.withResolvers<void>();
  const holding = stranger.begin(async (transaction) => {
    await transaction.unsafe(`LOCK TABLE read_model.products IN ${mode} MODE`);
    held.resolve();
    await over.promise;
  });
  await held.promise;
  return {
    async letGo() {
      over.resolve();
      await holding;
      await stranger.end();
    },
  };
}

async function userOf(url: string) {
  const { accessToken: token } = await signUp(url);
  return {
    async create() {
      const json = { name: 'Mug', price: 1, sku: newSku() };
      const made = await send(url, 'POST /products', { token, json });
      expect(made.status).toBe(201);
      return ((await made.json()) as { id: string }).id;
    },
    read: async (id: string, from = url) =>
      (await send(from, `GET /products/${id}`, { token })).status,
  };
}

test('the node that keeps the rows is killed: another keeps them within three seconds', async () => {
  await fleet.add(); // the first has every lease by now
  const [, url = ''] = fleet.urls();
  const { create, read } = await userOf(url);
  expect(await read(await create())).toBe(200);

  await fleet.kill(0);
  const from = performance.now();
  const id = await create();
  while ((await read(id)) !== 200);
  expect(performance.now() - from).toBeLessThan(failoverMsMax);
});

test('it falls asleep in the middle of a commit: another keeps the rows, beside it when it wakes', async () => {
  const [, owner = ''] = fleet.urls();
  await fleet.add();
  const [, , url = ''] = fleet.urls();
  const { create, read } = await userOf(url);
  expect(await read(await create())).toBe(200);

  // So that the commit has begun when its node falls asleep.
  const { letGo } = await holdProducts('SHARE');
  const id = await create();
  const waiting = () => fleet.sql`
    SELECT FROM pg_stat_activity WHERE datname = current_database()
      AND wait_event_type = 'Lock' AND application_name = 'refold read models'`;
  await eventually(waiting, ({ length }) => length > 0);
  fleet.sleep(1);
  await letGo();
  await eventually(
    () => read(id),
    (status) => status === 200,
  );

  fleet.wake(1);
  const later = await create();
  await eventually(
    () => read(later, owner),
    (status) => status === 200,
  );
  await eventually(
    () => send(owner, 'GET /ready'),
    ({ status }) => status === 200,
  );
});

test('a rebuild falls asleep over its swap: rows go on, and it fails when it wakes', async () => {
  const [, url = ''] = fleet.urls();
  const { create, read } = await userOf(url);
  const { letGo } = await holdProducts('ACCESS SHARE');
  const environment = { DATABASE_URL: fleet.database.url, ...fleet.secrets };
  const replay = await spawnCommand(['replay', 'products'], { directory: '.', environment });
  const swapping = () => fleet.sql`
    SELECT FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LOCK TABLE%'
      AND wait_event_type = 'Lock'`;
  await eventually(swapping, ({ length }) => length > 0);
  replay.kill('SIGSTOP');
  await letGo();
  const id = await create();
  await eventually(
    () => read(id),
    (status) => status === 200,
  );
  replay.kill('SIGCONT');
  expect(await replay.exited).toBe(1);
});

test('a node wakes up when somebody was signed out elsewhere: it lets them do nothing more', async () => {
  const [, url = '', sleeper = ''] = fleet.urls();
  const { accessToken: token } = await signUp(url);
  const room = openChat(sleeper, { room: 'lobby', token });
  expect(await room.opened).toBe(true);
  expect((await send(sleeper, 'GET /profile', { token })).status).toBe(200);

  fleet.sleep(2);
  expect((await send(url, 'POST /auth/logout', { token })).status).toBe(204);
  const signedOutAt = performance.now();
  const json = { name: 'Late', price: 1, sku: newSku() };
  const late = send(sleeper, 'POST /products', { token, json });
  room.post('Late');
  await until(() => performance.now() - signedOutAt > toCountEverywhereMs);
  fleet.wake(2);
  expect((await late).status).toBe(401);
  expect(await room.closed).toMatchObject({ code: 4401 });
  const [posted] =
    await fleet.sql`SELECT count(*)::int FROM log.events WHERE type = 'MessagePosted'`;
  expect(posted).toEqual({ count: 0 });
});
