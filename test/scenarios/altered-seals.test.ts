// Somebody has written to a store behind the server's back: what was altered or moved from its place is told by name,
// parks the stream that it stands in, and nothing else.
import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { engine, placeOf } from '../../src/testing/engine.ts';
import {
  promote,
  signIn,
  signUp,
  startServer,
  temporaryDirectory,
  type TestServer,
} from '../../src/testing/server.ts';
import { until } from '../../src/testing/until.ts';

setDefaultTimeout(60_000);

const room = 'lobby';
let temporary: ReturnType<typeof temporaryDirectory>;
let server: TestServer;
let admin: Awaited<ReturnType<typeof promote>>;
let people: readonly Awaited<ReturnType<typeof signUp>>[];

beforeEach(async () => {
  temporary = temporaryDirectory();
  server = await startServer({ directory: temporary.path });
  const first = await signUp(server.url);
  admin = await promote(server, first.user.id, first.email);
  people = await Promise.all(['Ada', 'Bob', 'Eve'].map((name) => signUp(server.url, { name })));
});
afterEach(async () => {
  await server.stop();
  await (await placeOf(temporary.path)).remove();
  temporary.remove();
});

/** As after the end of a process: no key is remembered. */
async function restart() {
  await server.stop();
  server = await startServer({ directory: temporary.path });
  admin = await signIn(server.url, admin.email);
}

async function post(author: (typeof people)[0], text: string) {
  const { data } = await author.client.chat({ room }).messages.post({ text });
  return data!;
}

async function projection(name: string) {
  const { data } = await admin.client.admin.projections.get();
  return data!.data.find((one) => one.name === name)!;
}

async function buildOf(name: string) {
  const statement = `SELECT build FROM checkpoints WHERE projection = '${name}'`;
  return (await server.run('read-model', statement))[0]!['build'];
}

/** Until the rows are others, and the projector goes on with them. */
async function rebuild(name: string) {
  const before = await buildOf(name);
  const begin = () => admin.client.admin.projections({ name }).rebuild.post();
  await until(async () => (await begin()).status === 202);
  await until(async () => (await buildOf(name)) !== before);
  const { progress } = server.application.readSide;
  const build = await buildOf(name);
  await until(() => progress().builds[name] === build);
}

const texts = async () =>
  (await admin.client.chat({ room }).messages.get({ query: {} })).data!.data.map(
    ({ text }) => text,
  );

const liftRefusal = () =>
  server.run(
    'log',
    engine === 'postgres'
      ? 'ALTER TABLE events DISABLE TRIGGER events_are_never_changed'
      : 'DROP TRIGGER events_are_never_updated',
  );

const dataAt = async (position: number) => {
  const [row] = await server.run('log', `SELECT data FROM events WHERE position = ${position}`);
  return row!['data'] as string;
};

const setData = (position: number, data: string) =>
  server.run('log', `UPDATE events SET data = '${data}' WHERE position = ${position}`);

describe('sealed fields in the log', () => {
  test('that were swapped park the two streams, visibly', async () => {
    const [ada, bob, eve] = people as [(typeof people)[0], (typeof people)[0], (typeof people)[0]];
    const first = await post(ada, 'first');
    const second = await post(bob, 'second');
    await post(eve, 'third');
    await liftRefusal();
    const [one, other] = [await dataAt(first.position), await dataAt(second.position)];
    await setData(first.position, other);
    await setData(second.position, one);

    await rebuild('messages');
    const { parked, status } = await projection('messages');
    expect(status).toBe('live');
    expect(parked.map(({ position }) => position)).toEqual([first.position, second.position]);
    for (const { reason, stream } of parked) {
      expect(reason).toStartWith('SealBroken: ');
      expect(reason).toContain(stream);
    }
    expect(await texts()).toEqual(['third']);
    await post(ada, 'fourth');
    expect(await texts()).toEqual(['fourth', 'third']);
  });

  test('that name a key which nobody has are not taken for those of somebody erased', async () => {
    const [ada, bob] = people as [(typeof people)[0], (typeof people)[0]];
    const first = await post(ada, 'first');
    await post(bob, 'second');
    const { status } = await admin.client.admin.users({ id: bob.user.id }).delete();
    expect(status).toBe(204);
    await liftRefusal();
    const altered = (await dataAt(first.position)).replace(/v1:[^:]+/, 'v1:none');
    await setData(first.position, altered);
    await rebuild('messages');
    expect((await projection('messages')).parked).toMatchObject([
      { position: first.position, reason: expect.stringMatching(/^SealBroken: /) },
    ]);
    expect(await texts()).toEqual(['[erased]']);
  });
});

describe('keys in the vault', () => {
  test('that were swapped park what is sealed under them, visibly; other people go on', async () => {
    const [ada, bob, eve] = people as [(typeof people)[0], (typeof people)[0], (typeof people)[0]];
    await post(ada, 'first');
    await post(eve, 'second');
    const keyOf = async (id: string) => {
      const [row] = await server.run('vault', `SELECT wrapped_key FROM persons WHERE id = '${id}'`);
      return row!['wrapped_key'] as string;
    };
    const setKey = (id: string, key: string) =>
      server.run('vault', `UPDATE persons SET wrapped_key = '${key}' WHERE id = '${id}'`);
    const [adas, bobs] = [await keyOf(ada.user.id), await keyOf(bob.user.id)];
    await setKey(ada.user.id, bobs);
    await setKey(bob.user.id, adas);
    // What a crash has left half done for them cannot be finished, and does not hold up the start.
    const of = `WHERE id = '${ada.user.id}'`;
    await server.run('vault', `UPDATE persons SET is_confirmed = FALSE ${of}`);
    const change = `'left', '${ada.user.id}', NULL, NULL, '2026-01-01', '2026-01-02', FALSE`;
    await server.run('vault', `INSERT INTO password_changes VALUES (${change})`);
    await server.run('vault', `UPDATE sessions SET was_reused = TRUE`);
    await restart();
    await rebuild('messages');
    await rebuild('users');
    expect(await texts()).toEqual(['second']);
    expect((await projection('messages')).parked).toMatchObject([{ type: 'MessagePosted' }]);
    const { parked } = await projection('users');
    expect(parked.map(({ stream }) => stream).toSorted()).toEqual(
      [`user-${ada.user.id}`, `user-${bob.user.id}`].toSorted(),
    );
    for (const { reason } of parked) expect(reason).toStartWith('SealBroken: ');

    await setKey(ada.user.id, adas);
    await setKey(bob.user.id, bobs);
    await restart();
    await until(async () => (await projection('users')).parked.length === 0);
    expect(await texts()).toEqual(['second', 'first']);
    expect((await projection('messages')).parked).toEqual([]);
  });
});
