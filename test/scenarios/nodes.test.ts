// Two nodes on one database, without Redis and with it: whatever is promised of one server holds of both together.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { openPostgresRebuild } from '../../src/postgres-rows.ts';
import { projections } from '../../src/projections/index.ts';
import { until } from '../../src/testing/job-engines.ts';
import { freshDatabase, type TestDatabase } from '../../src/testing/postgres.ts';
import { startRedis, type TestRedis } from '../../src/testing/redis.ts';
import { openChat, openEventStream } from '../../src/testing/streams.ts';
import {
  promote,
  signIn,
  signUp,
  startServer,
  temporaryDirectory,
  testPassword,
  type TestServer,
} from '../../src/testing/server.ts';
import { eventually, newRoom, newSku, send } from '../http/requests.ts';

setDefaultTimeout(60_000);

const rounds = 30;
const secondMs = 1_000;

const product = () => ({ name: 'Mug', price: 9.5, sku: newSku() });
const positionOf = (response: Response) => Number(response.headers.get('event-position'));

describe.each([
  ['without Redis', false],
  ['with Redis', true],
])('two nodes %s', (_, hasRedis) => {
  const temporary = temporaryDirectory();
  let database: TestDatabase;
  let one: TestServer;
  let other: TestServer;
  let redis: TestRedis | undefined;
  let admin: Awaited<ReturnType<typeof signIn>>;

  /** Nodes share the secrets that lie in the directory, and answers that are cached where there is Redis. */
  const startNode = () =>
    startServer({
      directory: temporary.path,
      database: { engine: 'postgres', url: database.url },
      ...(redis && { redisUrl: redis.url, cachesAnswers: true }),
    });

  beforeAll(async () => {
    if (hasRedis) redis = await startRedis();
    database = await freshDatabase();
    one = await startNode();
    other = await startNode();
    const { user, email } = await signUp(one.url);
    admin = await promote(one, user.id, email);
  });
  afterAll(async () => {
    await Promise.all([one.stop(), other.stop()]);
    await database.drop();
    await redis?.stop();
    temporary.remove();
  });

  describe('a user of both nodes', () => {
    test('reads on one what they have written on the other, without asking for it', async () => {
      const { accessToken: token } = await signUp(one.url);
      for (let round = 0; round < rounds; round += 1) {
        const [here, there] = round % 2 === 0 ? [one, other] : [other, one];
        const made = await send(here.url, 'POST /products', { token, json: product() });
        const { id } = (await made.json()) as { id: string };
        expect((await send(there.url, `GET /products/${id}`, { token })).status).toBe(200);
      }
    });

    test('reads on each what they have just changed on the other, however often it was read', async () => {
      const { accessToken: token } = await signUp(one.url);
      const made = await send(one.url, 'POST /products', { token, json: product() });
      const { id } = (await made.json()) as { id: string };
      for (let price = 1; price <= rounds; price += 1) {
        const [here, there] = price % 2 === 0 ? [one, other] : [other, one];
        const changed = await send(here.url, `PATCH /products/${id}`, { token, json: { price } });
        expect(changed.status).toBe(200);
        for (const { url } of [there, here, there]) {
          const read = await send(url, `GET /products/${id}`, { token });
          expect(await read.json()).toMatchObject({ price });
          const list = await send(url, 'GET /products?limit=1', { token });
          expect(await list.json()).toMatchObject({ data: [{ price }] });
        }
      }
      const hits = [one, other].map(({ application }) => application.shared.answers?.().hits ?? 0);
      expect(Math.min(...hits) > 0).toBe(hasRedis);
    });

    test('reads on one as of a position that the other has told', async () => {
      const writer = await signUp(one.url);
      const reader = await signUp(other.url);
      for (let round = 0; round < rounds; round += 1) {
        const { accessToken: token } = writer;
        const made = await send(one.url, 'POST /products', { token, json: product() });
        const { id } = (await made.json()) as { id: string };
        const headers = { 'read-after': String(positionOf(made)) };
        const read = await send(other.url, `GET /products/${id}`, {
          token: reader.accessToken,
          headers,
        });
        expect(read.status).toBe(200);
      }
    });

    test('is refused within a second on one when they have signed out on the other', async () => {
      const { accessToken: token, cookie } = await signUp(one.url);
      const profile = () => send(other.url, 'GET /profile', { token });
      expect((await profile()).status).toBe(200);
      await send(one.url, 'POST /auth/logout', { token, headers: { cookie } });
      const from = performance.now();
      await eventually(profile, ({ status }) => status === 401);
      expect(performance.now() - from).toBeLessThan(secondMs);
    });

    test('has on both the role that one has given', async () => {
      const { user, accessToken: token } = await signUp(one.url);
      const list = () => send(other.url, 'GET /admin/users', { token });
      expect((await list()).status).toBe(403);
      const become = (url: string, role: string) =>
        send(url, `PATCH /admin/users/${user.id}/role`, {
          token: admin.accessToken,
          json: { role },
        });
      await become(one.url, 'admin');
      const from = performance.now();
      await eventually(list, ({ status }) => status === 200);
      await become(one.url, 'user');
      await eventually(list, ({ status }) => status === 403);
      expect(performance.now() - from).toBeLessThan(2 * secondMs);
    });

    test('opens a stream on one with a ticket of the other, once', async () => {
      const { accessToken: token } = await signUp(one.url);
      const ticketOf = async ({ url }: TestServer) => {
        const response = await send(url, 'POST /auth/ticket', { token });
        return ((await response.json()) as { ticket: string }).ticket;
      };
      const open = async (nodes: readonly TestServer[], ticket: string) => {
        const opening = nodes.map(({ url }) => openEventStream(url, { query: `token=${ticket}` }));
        const streams = await Promise.all(opening);
        await Promise.all(streams.map((stream) => stream.cut()));
        return streams.map((stream) => stream.response.status).toSorted();
      };
      const ticket = await ticketOf(one);
      expect(await open([other], ticket)).toEqual([200]);
      expect(await open([one, other], ticket)).toEqual([401, 401]);
      expect(await open([one, other, one, other], await ticketOf(other))).toEqual([
        200, 401, 401, 401,
      ]);
    });

    test('who repeats a request on the other node does it once', async () => {
      const { accessToken: token } = await signUp(one.url);
      for (let round = 0; round < rounds; round += 1) {
        const headers = { 'idempotency-key': crypto.randomUUID() };
        const json = product();
        const responses = await Promise.all(
          [one, other, one, other].map(({ url }) =>
            send(url, 'POST /products', { token, json, headers }),
          ),
        );
        expect(responses.map(({ status }) => status)).toEqual([201, 201, 201, 201]);
        const bodies = await Promise.all(responses.map((response) => response.text()));
        expect(new Set(bodies).size).toBe(1);
      }
    });
  });

  describe('a password that is changed on both nodes at once', () => {
    test('by one request that is repeated is changed once, and so both answer', async () => {
      const { accessToken: token } = await signUp(one.url);
      let currentPassword = testPassword;
      for (let round = 0; round < 5; round += 1) {
        const newPassword = `long and new ${crypto.randomUUID()}`;
        const headers = { 'idempotency-key': crypto.randomUUID() };
        const request = { token, headers, json: { currentPassword, newPassword } };
        const responses = await Promise.all(
          [one, other].map(({ url }) => send(url, 'POST /profile/password', request)),
        );
        expect(responses.map(({ status }) => status)).toEqual([204, 204]);
        const replays = responses.filter((response) => response.headers.has('idempotent-replay'));
        expect(replays).toHaveLength(1);
        currentPassword = newPassword;
      }
    });

    test('by two requests takes the one or the other', async () => {
      const { accessToken: token, email } = await signUp(one.url);
      const passwords = ['the first long one', 'the second long one'];
      const responses = await Promise.all(
        [one, other].map(({ url }, index) => {
          const json = { currentPassword: testPassword, newPassword: passwords[index] };
          return send(url, 'POST /profile/password', { token, json });
        }),
      );
      expect(responses.map(({ status }) => status).toSorted()).toEqual([204, 403]);
      const taken = passwords[responses.findIndex(({ status }) => status === 204)];
      expect((await signIn(other.url, email, taken)).accessToken).toBeString();
    });
  });

  describe('a command on one node', () => {
    test('is decided by what has happened on the other', async () => {
      const { accessToken: token } = await signUp(one.url);
      const change = (url: string, id: string, json: object, headers = {}) =>
        send(url, `PATCH /products/${id}`, { token, json, headers });
      for (let round = 0; round < rounds; round += 1) {
        const made = await send(one.url, 'POST /products', { token, json: product() });
        const { id } = (await made.json()) as { id: string };
        // From here on both nodes remember the product.
        await change(one.url, id, { price: 1 });
        await change(other.url, id, { price: 2 });
        // One remembers price 1, which is no longer so: this is a change.
        const again = await change(one.url, id, { price: 1 });
        expect(again.headers.get('etag')).toBe('"4"');
        // The other remembers version 3, which is no longer the newest.
        expect((await change(other.url, id, { price: 5 }, { 'if-match': '"4"' })).status).toBe(200);
        await send(one.url, `DELETE /products/${id}`, { token });
        expect((await change(other.url, id, { price: 3 })).status).toBe(404);
      }
    });

    test('takes a name once, whoever is first', async () => {
      const { accessToken: token } = await signUp(one.url);
      for (let round = 0; round < rounds; round += 1) {
        const json = product();
        const responses = await Promise.all(
          [one, other].map(({ url }) => send(url, 'POST /products', { token, json })),
        );
        expect(responses.map(({ status }) => status).toSorted()).toEqual([201, 409]);
      }
    });
  });

  describe('those who follow on different nodes', () => {
    test('get the same events in the same order', async () => {
      const { accessToken: token } = admin;
      const streams = await Promise.all(
        [one, other].map(({ url }) => openEventStream(url, { token, query: 'after=0' })),
      );
      const posts = Array.from({ length: 100 }, (_, index) =>
        send([one, other][index % 2]!.url, 'POST /products', { token, json: product() }),
      );
      const newest = Math.max(...(await Promise.all(posts)).map(positionOf));
      for (const stream of streams) await stream.until(() => stream.positions().at(-1)! >= newest);
      const expected = Array.from({ length: newest }, (_, index) => index + 1);
      for (const stream of streams) {
        expect(stream.positions().slice(0, newest)).toEqual(expected);
        await stream.cut();
      }
    });

    test('get the messages of a room in the same order', async () => {
      const room = newRoom();
      const [ada, bob] = [await signUp(one.url), await signUp(other.url)];
      const rooms = [
        openChat(one.url, { room, token: ada.accessToken }),
        openChat(other.url, { room, token: bob.accessToken }),
      ];
      for (const one of rooms) expect(await one.opened).toBe(true);
      for (let index = 0; index < rounds; index += 1) rooms[index % 2]!.post(`Message ${index}`);
      for (const one of rooms) await one.received('message', rounds);
      const [left, right] = rooms.map((one) => one.of('message').map(({ id }) => id));
      expect(left).toEqual(right!);
      await Promise.all(rooms.map((one) => one.leave()));
    });
  });

  describe('who is in a room', () => {
    test('shows on every node', async () => {
      const room = newRoom();
      const [ada, bob] = [await signUp(one.url), await signUp(other.url)];
      const adas = openChat(one.url, { room, token: ada.accessToken });
      await adas.opened;
      const bobs = openChat(other.url, { room, token: bob.accessToken });
      const both = [ada.user.id, bob.user.id].toSorted().join();
      const sees = (chat: typeof adas, ids: string) =>
        chat.until(
          () =>
            chat
              .of('presence')
              .at(-1)
              ?.users?.map(({ id }) => id)
              .toSorted()
              .join() === ids,
        );
      await Promise.all([sees(adas, both), sees(bobs, both)]);
      await adas.leave();
      await sees(bobs, bob.user.id);
      await bobs.leave();
    });
  });

  describe('a rebuild on one node', () => {
    test('is not begun beside the same on another', async () => {
      const { accessToken: token } = admin;
      const codes = await Promise.all(
        [one, other, one, other].map(
          async ({ url }) =>
            (await send(url, 'POST /admin/projections/products/rebuild', { token })).status,
        ),
      );
      expect(codes.filter((code) => code === 202)).toHaveLength(1);
      expect(codes.filter((code) => code === 409)).toHaveLength(3);
      const rebuilding = ({ application }: TestServer) => application.readSide.rebuilding.size;
      await until(() => rebuilding(one) + rebuilding(other) === 0);
    });

    test('is not begun beside one of more that takes the same away', async () => {
      const { accessToken: token } = admin;
      const running = await openPostgresRebuild(database.url, projections);
      const rebuild = (name: string) =>
        send(one.url, `POST /admin/projections/${name}/rebuild`, { token });
      expect((await rebuild('products')).status).toBe(409);
      await running.close();
      expect((await rebuild('products')).status).toBe(202);
      await until(() => one.application.readSide.rebuilding.size === 0);
    });

    test('shows on both that the rows are others', async () => {
      const build = ({ application }: TestServer) =>
        application.readSide.progress().builds['users'];
      await until(() => build(one) === build(other));
      const before = build(one);
      await one.application.readSide.rebuild(['users']);
      await until(() => [one, other].every((node) => build(node) !== before));
      expect(build(one)).toBe(build(other)!);
    });
  });

  describe('of several nodes', () => {
    test('one that starts sees what was there, and the others go on when one stops', async () => {
      const { accessToken: token } = await signUp(one.url);
      for (let round = 0; round < 3; round += 1) {
        const third = await startNode();
        const made = await send(third.url, 'POST /products', { token, json: product() });
        const { id } = (await made.json()) as { id: string };
        await third.stop();
        for (const { url } of [one, other]) {
          expect((await send(url, `GET /products/${id}`, { token })).status).toBe(200);
        }
      }
    });

    test('one that stops and held the leases is followed by another at once', async () => {
      const { accessToken: token } = await signUp(one.url);
      await one.stop();
      const made = await send(other.url, 'POST /products', { token, json: product() });
      const { id } = (await made.json()) as { id: string };
      expect((await send(other.url, `GET /products/${id}`, { token })).status).toBe(200);
      const { client, user } = await signUp(other.url, { name: `N ${crypto.randomUUID()}` });
      await send(other.url, 'POST /chat/lobby/messages', {
        token,
        json: { text: `@${user.name}` },
      });
      await eventually(
        async () => (await client.notifications.get({ query: {} })).data!.total,
        (total) => total === 1,
      );
      one = await startNode();
    });
  });
});
