import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { promote, signUp, startServer, type TestServer } from '../../src/testing/server.ts';
import { watchAnswers } from './declared.ts';
import { expectProblem, newRoom, newSku, positionOf, send } from './requests.ts';

const answers = watchAnswers();
let server: TestServer;
let ada: Awaited<ReturnType<typeof signUp>>;
let admin: Awaited<ReturnType<typeof promote>>;

beforeAll(async () => {
  server = await startServer();
  ada = await signUp(server.url);
  const root = await signUp(server.url);
  admin = await promote(server, root.user.id, root.email);
});
afterAll(() => server.stop());

const create = () => ada.client.products.post({ name: 'Mug', price: 1, sku: newSku() });

async function queries() {
  const { data } = await create();
  return [
    'GET /profile',
    'GET /products',
    `GET /products/${data!.id}`,
    `GET /products/${data!.id}?asOf=1000000`,
    `GET /products/${data!.id}/history`,
    'GET /chat/lobby/messages',
    'GET /admin/users',
  ] as const;
}

function ask(route: `${string} /${string}`, readAfter: string) {
  const headers = { 'read-after': readAfter };
  return send(server.url, route, { token: admin.accessToken, headers });
}

describe('the position of an accepted command', () => {
  test('grows by the number of its events, whatever the stream', async () => {
    const first = await create();
    const { id } = first.data!;
    const room = newRoom();
    const posted = await ada.client.chat({ room }).messages.post({ text: 'Hi' });
    const revised = await ada.client.products({ id }).patch({ name: 'Cup', price: 2 });
    const renamed = await ada.client.profile.patch({ name: `Ada ${room}` });
    const deleted = await ada.client.products({ id }).delete();
    const start = positionOf(first.response);
    expect([posted, revised, renamed, deleted].map(({ response }) => positionOf(response))).toEqual(
      [1, 3, 4, 5].map((count) => start + count),
    );
  });

  test('is not told where nothing was accepted', async () => {
    const json = { name: '', price: 1, sku: newSku() };
    const refused = await send(server.url, 'POST /products', { token: ada.accessToken, json });
    expect(refused.headers.has('event-position')).toBe(false);
    const read = await ada.client.products.get({ query: {} });
    expect(read.response.headers.has('event-position')).toBe(false);
  });
});

describe('a query after a position', () => {
  test('is answered when the read model is there', async () => {
    const routes = await queries();
    const { data, response } = await create();
    const head = response.headers.get('event-position')!;
    for (const route of routes) expect((await ask(route, head)).status).toBe(200);
    const list = (await (await ask('GET /products', head)).json()) as { data: { id: string }[] };
    expect(list.data[0]!.id).toBe(data!.id);
  });

  test('waits two seconds for one that has not come, then is refused', async () => {
    const routes = await queries();
    const start = performance.now();
    const responses = await Promise.all(routes.map((route) => ask(route, '999999999999')));
    const seconds = (performance.now() - start) / 1_000;
    for (const response of responses) {
      expect(response.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
      await expectProblem(response, 503, 'UNAVAILABLE');
    }
    expect(seconds).toBeGreaterThan(1.8);
    expect(seconds).toBeLessThan(4);
  });

  test('is answered as soon as the position comes', async () => {
    const { response } = await create();
    const next = positionOf(response) + 1;
    const waiting = ask('GET /products', String(next));
    const { data } = await create();
    const list = (await (await waiting).json()) as { data: { id: string }[] };
    expect(list.data[0]!.id).toBe(data!.id);
  });

  test.each(['x', '-1', '1.5', '1e3', '0x1', '', '1, 2', '9'.repeat(16)])(
    'that is %p is refused',
    async (position) => {
      for (const route of await queries()) {
        await expectProblem(await ask(route, position), 422, 'VALIDATION_ERROR');
      }
    },
  );

  test('that is 0 is answered at once', async () => {
    for (const route of await queries()) expect((await ask(route, '0')).status).toBe(200);
  });
});

describe('a client that does nothing for it', () => {
  test('reads what it has just written, a hundred times', async () => {
    for (let round = 0; round < 100; round += 1) {
      const { data } = await create();
      const read = await ada.client.products({ id: data!.id }).get({ query: {} });
      expect(read.data).toEqual(data!);
      const list = await ada.client.products.get({ query: { limit: 1 } });
      expect(list.data?.data).toEqual([data!]);
    }
  });

  test('reads what somebody else has just written, a hundred times', async () => {
    for (let round = 0; round < 100; round += 1) {
      const { data } = await create();
      const read = await admin.client.products({ id: data!.id }).get({ query: {} });
      expect(read.data).toEqual(data!);
    }
  });
});

answers.testsThatAllAreAsDeclared(() => server.url);
