import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { join } from 'node:path';
import { getTableName, type Table } from 'drizzle-orm';
import { createClient } from '../../src/client/index.ts';
import { registry } from '../../src/events/index.ts';
import { projections } from '../../src/projections/index.ts';
import { caughtUp, reactedToAll, signUpActors } from '../../src/testing/actors.ts';
import { runCommand, spawnCommand } from '../../src/testing/command-line.ts';
import { engine, placeOf } from '../../src/testing/engine.ts';
import { png } from '../../src/testing/image-bytes.ts';
import { contradictions, createLoad, drive, emptyRecord } from '../../src/testing/load.ts';
import { seededRandom } from '../../src/testing/random.ts';
import { watchRebuild } from '../../src/testing/rebuilds.ts';
import { differences, dumpReadModels, foldReadModels, readLog } from '../../src/testing/rows.ts';
import { signIn, signUp, spawnServer, temporaryPlace } from '../../src/testing/server.ts';
import { send } from '../http/requests.ts';

setDefaultTimeout(180_000);

const commandCount = engine === 'postgres' ? 4_000 : 10_000;
const names = projections.map(({ name }) => name);
const tablesOf = (name: string) =>
  projections
    .filter((one) => one.name === name)
    .flatMap(({ tables }) => tables.map((table) => getTableName(table as Table)));

/** What is not spoiled in a way of its own loses some rows. */
const spoiling: Readonly<Record<string, string>> = {
  users: "UPDATE users SET role = 'admin'",
  products: "UPDATE products SET name = 'spoiled' WHERE id IN (SELECT id FROM products LIMIT 5)",
};
const rowId = engine === 'postgres' ? 'ctid' : 'rowid';
const loseRows = (table: string) =>
  `DELETE FROM ${table} WHERE ${rowId} IN (SELECT ${rowId} FROM ${table} LIMIT 5)`;

const temporary = temporaryPlace();
const directory = temporary.path;
const random = seededRandom('rebuild equals live');
const record = emptyRecord();
let server: Awaited<ReturnType<typeof spawnServer>> | undefined;
let actors: Awaited<ReturnType<typeof signUpActors>>;
let load: ReturnType<typeof createLoad>;

async function start() {
  server = await spawnServer(directory);
  return server.url;
}

async function stop() {
  server?.child.kill('SIGTERM');
  expect((await server?.child.exited) ?? 0).toBe(0);
  server = undefined;
}

async function run(url: string, count: number, clients = 16) {
  const { length: before } = record.acknowledged;
  const isEnough = () => record.acknowledged.length >= before + count;
  await drive({ url, load, record, clients, isEnough });
}

/** Rows that no event has made, so that a rebuild that does nothing is found out. */
async function spoil(projectionNames: readonly string[] = names) {
  const { run } = await placeOf(directory);
  for (const table of projectionNames.flatMap(tablesOf)) {
    await run('read-model', spoiling[table] ?? loseRows(table));
  }
}

async function expectEqualToFold() {
  expect(differences(await dumpReadModels(directory), await foldReadModels(directory))).toEqual([]);
}

async function waitForHead(url: string) {
  await caughtUp(url, actors.admin.accessToken, await reactedToAll(directory));
}

async function showAndTakeAwayAnImage(url: string) {
  const { client, accessToken: token } = actors.admin;
  const sku = `image-${crypto.randomUUID()}`;
  const { data } = await client.products.post({ name: 'Mug', price: 1, sku });
  const path = `/products/${data!.id}/image` as const;
  for (const width of [3, 4]) {
    const sent = { token, headers: { 'content-type': 'image/png' }, body: png(width) };
    expect((await send(url, `PUT ${path}`, sent)).status).toBe(200);
    if (width === 3) expect((await send(url, `DELETE ${path}`, { token })).status).toBe(204);
  }
}

async function writeAndBeErased(url: string) {
  const { client } = await signUp(url, { name: 'Eve' });
  for (const text of ['first', 'second']) {
    expect((await client.chat({ room: 'lobby' }).messages.post({ text })).status).toBe(201);
  }
  expect((await client.profile.delete()).status).toBe(204);
}

beforeAll(async () => {
  const url = await start();
  actors = await signUpActors({ url, directory }, 5);
  load = createLoad(random, actors.actors, 0.2);
  await run(url, commandCount);
  for (const { client } of actors.users) {
    const change = {
      currentPassword: 'a long enough password',
      newPassword: 'another long password',
    };
    expect((await client.profile.password.post(change)).status).toBe(204);
  }
  const { cookie } = await signIn(url, actors.admin.email, 'another long password');
  const { client } = actors.admin;
  const refresh = () => fetch(`${url}/auth/refresh`, { method: 'POST', headers: { cookie } });
  expect((await Promise.all([refresh(), refresh()])).map(({ ok }) => ok)).toContain(false);
  await showAndTakeAwayAnImage(url);
  await writeAndBeErased(url);
  await waitForHead(url);
  const { data } = await client.notifications.get({ query: {} });
  expect((await client.notifications({ id: data!.data[0]!.id }).read.post()).status).toBe(200);
  await waitForHead(url);
});

afterAll(async () => {
  await stop();
  await temporary.remove();
});

describe(`after ${commandCount} mixed commands`, () => {
  test('the log holds what was acknowledged', async () => {
    const events = await readLog(directory);
    expect(contradictions(record, events)).toEqual([]);
    expect(new Set(events.map(({ type }) => type))).toEqual(new Set(registry.types));
    expect(record.unknown).toEqual([]);
  });

  test('the live rows are what a fold of the log gives', async () => {
    const dump = await dumpReadModels(directory);
    expect(Object.keys(dump).toSorted()).toEqual(
      ['checkpoints', 'parked_events', ...names.flatMap(tablesOf)].toSorted(),
    );
    expect(dump).toContainKeys(['users', 'products', 'messages']);
    expect(dump['products']!.length).toBeGreaterThan(commandCount / 20);
    await expectEqualToFold();
  });

  test('a start without read models builds them again', async () => {
    const live = await dumpReadModels(directory);
    await stop();
    expect(differences(await dumpReadModels(directory), live)).toEqual([]);
    const { loseReadModels } = await placeOf(directory);
    await loseReadModels();
    await waitForHead(await start());
    expect(differences(await dumpReadModels(directory), live)).toEqual([]);
  });

  test('`bun run replay` with the server stopped gives the same rows', async () => {
    const live = await dumpReadModels(directory);
    await stop();
    await spoil();
    expect(differences(await dumpReadModels(directory), live)).not.toEqual([]);
    const replay = Bun.spawn([process.execPath, 'run', 'replay'], {
      cwd: join(import.meta.dir, '../..'),
      env: { ...process.env, NODE_ENV: 'test', ...(await placeOf(directory)).environment },
      stdout: 'pipe',
      stderr: 'pipe',
    });
    const said = await replay.stdout.text();
    expect({ exitCode: await replay.exited, said }).toEqual({
      exitCode: 0,
      said: `Rebuilt ${names.join(', ')} from ${(await readLog(directory)).length} events.\n`,
    });
    expect(differences(await dumpReadModels(directory), live)).toEqual([]);
  });

  test('a replay killed half-way leaves the live rows alone, and the next one finishes', async () => {
    await stop();
    await spoil();
    const spoiled = await dumpReadModels(directory);
    const { length: head } = await readLog(directory);
    const beside = await watchRebuild(directory, names);
    const hasBegun = async () => ((await beside.reached()) ?? 0) > 0;
    const attemptsMax = 20;
    for (let attempt = 1; attempt <= attemptsMax && !(await hasBegun()); attempt += 1) {
      const replay = await spawnCommand(['replay'], { directory });
      while (replay.exitCode === null && !(await hasBegun())) await turn();
      replay.kill('SIGKILL');
      await replay.exited;
    }
    expect(await beside.reached()).toBeWithin(1, head);
    expect(differences(await dumpReadModels(directory), spoiled)).toEqual([]);
    expect(await runCommand(['replay'], { directory })).toMatchObject({ exitCode: 0 });
    await expectEqualToFold();
    expect(await beside.reached()).toBeUndefined();
    await beside.close();
  });

  test('a replay beside a server that goes on taking commands', async () => {
    const url = await start();
    await spoil();
    let isReplayed = false;
    const replay = runCommand(['replay'], { directory }).finally(() => (isReplayed = true));
    const { length: before } = record.acknowledged;
    await drive({ url, load, record, clients: 4, isEnough: () => isReplayed });
    expect(await replay).toMatchObject({ exitCode: 0 });
    expect(record.acknowledged.length).toBeGreaterThan(before);
    await run(url, 200);
    await waitForHead(url);
    await expectEqualToFold();
    expect(contradictions(record, await readLog(directory))).toEqual([]);
  });

  test.each(names)('POST /admin/projections/%s/rebuild under load', async (name) => {
    const url = server?.url ?? (await start());
    await spoil([name]);
    const { admin } = createClient(url, { accessToken: () => actors.admin.accessToken });
    expect((await admin.projections({ name }).rebuild.post()).status).toBe(202);
    const isRebuilding = async () => {
      const { data } = await admin.projections.get();
      return data!.data.some(({ status }) => status === 'rebuilding');
    };
    while (await isRebuilding()) await run(url, 20, 4);
    await waitForHead(url);
    await expectEqualToFold();
  });
});

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
