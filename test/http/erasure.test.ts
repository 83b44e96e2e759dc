import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import {
  promote,
  signIn,
  signUp,
  startServer,
  type TestServer,
  testPassword,
} from '../../src/testing/server.ts';
import { watchAnswers } from './declared.ts';
import { expectProblem, positionOf, send } from './requests.ts';

setDefaultTimeout(30_000);

const answers = watchAnswers();
const room = 'lobby';
let server: TestServer;
let admin: Awaited<ReturnType<typeof signIn>>;
let adminId: string;
let bob: Awaited<ReturnType<typeof signUp>>;

beforeAll(async () => {
  server = await startServer();
  const first = await signUp(server.url, { name: 'Grace Hopper' });
  adminId = first.user.id;
  admin = await promote(server, adminId, first.email);
  bob = await signUp(server.url, { name: 'Bob' });
});
afterAll(() => server.stop());

/** Somebody with a name that nothing else holds. */
const somebody = () => signUp(server.url, { name: `Name ${crypto.randomUUID()}` });

const eraseSelf = (token: string, headers: Record<string, string> = {}) =>
  send(server.url, 'DELETE /profile', { token, headers });

const erase = (id: string, token = admin.accessToken) =>
  send(server.url, `DELETE /admin/users/${id}`, { token });

async function messagesOf(authorId: string) {
  const { data } = await bob.client.chat({ room }).messages.get({ query: { limit: 100 } });
  return data!.data.filter(({ from }) => from === authorId);
}

describe('somebody who erases themselves', () => {
  test('is answered 204 with the position of it, and is signed out everywhere at once', async () => {
    const ada = await somebody();
    const other = await signIn(server.url, ada.email);
    const ticketed = await send(server.url, 'POST /auth/ticket', { token: ada.accessToken });
    const { ticket } = (await ticketed.json()) as { ticket: string };

    const response = await eraseSelf(ada.accessToken);
    expect({ status: response.status, body: await response.text() }).toEqual({
      status: 204,
      body: '',
    });
    expect(positionOf(response)).toBeGreaterThan(0);

    for (const token of [ada.accessToken, other.accessToken]) {
      await expectProblem(await send(server.url, 'GET /profile', { token }), 401, 'UNAUTHORIZED');
      await expectProblem(await eraseSelf(token), 401, 'UNAUTHORIZED');
    }
    for (const { cookie } of [ada, other]) {
      const refreshed = await send(server.url, 'POST /auth/refresh', { headers: { cookie } });
      await expectProblem(refreshed, 401, 'UNAUTHORIZED');
    }
    const json = { email: ada.email, password: testPassword };
    await expectProblem(await send(server.url, 'POST /auth/login', { json }), 401, 'UNAUTHORIZED');
    const stream = await send(server.url, `GET /events/stream?token=${ticket}`);
    await expectProblem(stream, 401, 'UNAUTHORIZED');
  });

  test('leaves messages without a text and without a name', async () => {
    const ada = await somebody();
    const { client, user } = ada;
    await client.chat({ room }).messages.post({ text: 'a secret of mine' });
    const second = await client.chat({ room }).messages.post({ text: 'taken back' });
    await client.chat({ room }).messages({ id: second.data!.id }).delete();
    await eraseSelf(ada.accessToken);
    expect(await messagesOf(user.id)).toMatchObject([
      { name: '[erased]', text: null, withdrawn: true },
      { name: '[erased]', text: '[erased]', withdrawn: false },
    ]);
  });

  test('leaves the address to whoever registers with it', async () => {
    const ada = await somebody();
    await eraseSelf(ada.accessToken);
    const json = { email: ada.email.toUpperCase(), name: 'Ada', password: testPassword };
    const registered = await send(server.url, 'POST /auth/register', { json });
    expect(registered.status).toBe(201);
    const again = await signIn(server.url, ada.email);
    const { data } = await again.client.profile.get();
    expect(data!.id).not.toBe(ada.user.id);
    expect(await messagesOf(data!.id)).toEqual([]);
  });

  test('keeps their products, which belong to the shop', async () => {
    const ada = await somebody();
    const sku = crypto.randomUUID();
    const { data } = await ada.client.products.post({ name: 'Mug', price: 1, sku });
    await eraseSelf(ada.accessToken);
    expect((await bob.client.products({ id: data!.id }).get()).data).toEqual(data!);
  });

  test('is refused when the version seen is old, and nothing happens', async () => {
    const ada = await somebody();
    await ada.client.profile.patch({ name: 'Another' });
    const refused = await eraseSelf(ada.accessToken, { 'if-match': '"1"' });
    await expectProblem(refused, 412, 'PRECONDITION_FAILED');
    expect((await ada.client.profile.get()).data?.name).toBe('Another');
    expect((await eraseSelf(ada.accessToken, { 'if-match': '"2"' })).status).toBe(204);
  });

  test('takes what is kept for their Idempotency-Key along', async () => {
    const json = {
      email: `${crypto.randomUUID()}@example.com`,
      name: 'Ada',
      password: testPassword,
    };
    const headers = { 'idempotency-key': crypto.randomUUID() };
    const register = () => send(server.url, 'POST /auth/register', { json, headers });
    expect((await register()).status).toBe(201);
    const { accessToken } = await signIn(server.url, json.email);
    await eraseSelf(accessToken);
    await expectProblem(await register(), 404, 'NOT_FOUND');
  });

  test('posts nothing that is stored after it', async () => {
    for (let round = 0; round < 10; round += 1) {
      const ada = await somebody();
      const text = `text ${crypto.randomUUID()}`;
      const post = () =>
        send(server.url, `POST /chat/${room}/messages`, { token: ada.accessToken, json: { text } });
      const posting = Array.from({ length: 4 }, post);
      const erasing = eraseSelf(ada.accessToken);
      posting.push(...Array.from({ length: 4 }, post));
      const position = positionOf(await erasing);
      for (const response of await Promise.all(posting)) {
        expect([201, 401, 404]).toContain(response.status);
        if (response.status === 201) expect(positionOf(response)).toBeLessThan(position);
      }
      for (const message of await messagesOf(ada.user.id)) expect(message.text).toBe('[erased]');
    }
  });
});

describe('an admin who erases somebody', () => {
  test('is answered 204, and 404 for one who is gone or was never there', async () => {
    const ada = await somebody();
    const response = await erase(ada.user.id);
    expect(response.status).toBe(204);
    expect(positionOf(response)).toBeGreaterThan(0);
    await expectProblem(await erase(ada.user.id), 404, 'NOT_FOUND');
    await expectProblem(await erase(crypto.randomUUID()), 404, 'NOT_FOUND');
    const token = ada.accessToken;
    await expectProblem(await send(server.url, 'GET /profile', { token }), 401, 'UNAUTHORIZED');
    const search = `GET /admin/users?search=${encodeURIComponent(ada.email)}` as const;
    const found = await send(server.url, search, { token: admin.accessToken });
    expect(await found.json()).toMatchObject({ data: [], total: 0 });
    const json = { role: 'moderator' };
    const path = `PATCH /admin/users/${ada.user.id}/role` as const;
    const promoted = await send(server.url, path, { token: admin.accessToken, json });
    await expectProblem(promoted, 404, 'NOT_FOUND');
  });

  test('must be one', async () => {
    const ada = await somebody();
    await expectProblem(await erase(bob.user.id, ada.accessToken), 403, 'FORBIDDEN');
    const stranger = await send(server.url, `DELETE /admin/users/${bob.user.id}`);
    await expectProblem(stranger, 401, 'UNAUTHORIZED');
    await expectProblem(await send(server.url, 'DELETE /profile'), 401, 'UNAUTHORIZED');
    expect((await bob.client.profile.get()).status).toBe(200);
  });

  test('cannot be erased while there is no other, by either way, and nothing happens', async () => {
    await expectProblem(await eraseSelf(admin.accessToken), 409, 'LAST_ADMIN');
    await expectProblem(await erase(adminId), 409, 'LAST_ADMIN');
    expect((await admin.client.profile.get()).status).toBe(200);
    const again = await signIn(server.url, admin.email);
    expect((await again.client.profile.get()).data?.name).toBe('Grace Hopper');
  });

  test('leaves the office to the other', async () => {
    const ada = await somebody();
    const second = await promote(server, ada.user.id, ada.email);
    expect((await eraseSelf(second.accessToken)).status).toBe(204);
    await expectProblem(await eraseSelf(admin.accessToken), 409, 'LAST_ADMIN');
  });
});

answers.testsThatAllAreAsDeclared(() => server.url);
