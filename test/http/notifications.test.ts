import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import {
  promote,
  signIn,
  signUp,
  startServer,
  temporaryPlace,
  testPassword,
  type TestServer,
} from '../../src/testing/server.ts';
import { watchAnswers } from './declared.ts';
import { expectProblem, isoTime, newRoom, newSku, positionOf, send } from './requests.ts';

const answers = watchAnswers();
type User = Awaited<ReturnType<typeof signUp>>;
let server: TestServer;
let admin: Pick<User, 'client' | 'accessToken'> & { readonly id: string };

beforeAll(async () => {
  server = await startServer();
  const { user, email } = await signUp(server.url, { name: newName() });
  admin = { ...(await promote(server, user.id, email)), id: user.id };
});
afterAll(() => server.stop());

/** A display name that nobody else has. */
function newName() {
  return `Name ${crypto.randomUUID()}`;
}

const newcomer = (name = newName()) => signUp(server.url, { name });

/** What a user is told, newest first. */
async function told(
  { accessToken: token }: Pick<User, 'accessToken'>,
  query = '',
  from: TestServer = server,
) {
  const headers = { 'read-after': String(await from.reactedToAll()) };
  const response = await send(from.url, `GET /notifications${query}`, { token, headers });
  expect(response.status).toBe(200);
  type Page = NonNullable<Awaited<ReturnType<User['client']['notifications']['get']>>['data']>;
  return (await response.json()) as Page;
}

const kindsOf = async (user: Pick<User, 'accessToken'>) =>
  (await told(user)).data.map(({ kind }) => kind);

async function post({ client }: Pick<User, 'client'>, text: string, room = newRoom()) {
  const { data, status } = await client.chat({ room }).messages.post({ text });
  expect(status).toBe(201);
  return { id: data!.id, room };
}

describe('a mention', () => {
  test('is told with who, where and in which message', async () => {
    const [ada, bob] = [await newcomer(), await newcomer()];
    const { id, room } = await post(bob, `Good morning, @${ada.user.name}!`);
    const { data, ...page } = await told(ada);
    expect(page).toEqual({ total: 1, page: 1, pages: 1 });
    expect(data).toEqual([
      {
        id: expect.any(String),
        kind: 'mention',
        data: { actorId: bob.user.id, room, messageId: id },
        read: false,
        version: 1,
        createdAt: expect.stringMatching(isoTime),
        updatedAt: data[0]!.createdAt,
      },
    ]);
    expect(await kindsOf(bob)).toEqual([]);
  });

  test('by address is told too, whatever its case', async () => {
    const [ada, bob] = [await newcomer(), await newcomer()];
    await post(bob, `(@${ada.email.toUpperCase()}, are you there?)`);
    expect(await kindsOf(ada)).toEqual(['mention']);
  });

  test('of several is told to each, and of one several times once', async () => {
    const [ada, bob, eve] = [await newcomer(), await newcomer(), await newcomer()];
    await post(bob, `@${ada.user.name} @${eve.user.name} @${ada.email} @${ada.user.name}`);
    expect(await kindsOf(ada)).toEqual(['mention']);
    expect(await kindsOf(eve)).toEqual(['mention']);
  });

  test('of oneself is told to nobody', async () => {
    const ada = await newcomer();
    await post(ada, `Note to self: @${ada.user.name} @${ada.email}`);
    expect(await kindsOf(ada)).toEqual([]);
  });

  test('of a name that two have is told to neither', async () => {
    const name = newName();
    const [one, other, bob] = [
      await newcomer(name),
      await newcomer(name.toUpperCase()),
      await newcomer(),
    ];
    await post(bob, `@${name}`);
    expect([await kindsOf(one), await kindsOf(other)]).toEqual([[], []]);
  });

  test('goes by the name that its person has when the message is posted', async () => {
    const [ada, bob] = [await newcomer(), await newcomer()];
    const [before, after] = [ada.user.name, newName()];
    await ada.client.profile.patch({ name: after });
    await post(bob, `@${before}`);
    expect(await kindsOf(ada)).toEqual([]);
    await post(bob, `@${after}`);
    expect(await kindsOf(ada)).toEqual(['mention']);
  });
});

describe('what others do', () => {
  test('to a role is told', async () => {
    const ada = await newcomer();
    await admin.client.admin.users({ id: ada.user.id }).role.patch({ role: 'moderator' });
    const { data } = await told(ada);
    expect(data).toMatchObject([
      { kind: 'role-changed', data: { actorId: admin.id, role: 'moderator' } },
    ]);
  });

  test('to a product is told to its creator, and nobody is told of their own', async () => {
    const ada = await newcomer();
    const create = async () => {
      const { data } = await ada.client.products.post({ name: 'Mug', price: 1, sku: newSku() });
      return data!.id;
    };
    const [first, second] = [await create(), await create()];
    await admin.client.products({ id: first }).delete();
    await ada.client.products({ id: second }).delete();
    const { data } = await told(ada);
    expect(data).toMatchObject([
      { kind: 'product-deleted', data: { actorId: admin.id, productId: first } },
    ]);
  });

  test('to a message is told to its author, and nobody is told of their own', async () => {
    const ada = await newcomer();
    const [first, second] = [await post(ada, 'one'), await post(ada, 'two')];
    await admin.client.chat({ room: first.room }).messages({ id: first.id }).delete();
    await ada.client.chat({ room: second.room }).messages({ id: second.id }).delete();
    const { data } = await told(ada);
    expect(data).toMatchObject([
      {
        kind: 'message-withdrawn',
        data: { actorId: admin.id, room: first.room, messageId: first.id },
      },
    ]);
  });
});

describe('what happens to an account', () => {
  test('is told when its password is changed', async () => {
    const ada = await newcomer();
    const change = { currentPassword: testPassword, newPassword: 'another long password' };
    expect((await ada.client.profile.password.post(change)).status).toBe(204);
    const { data } = await told(ada);
    expect(data).toMatchObject([{ kind: 'password-changed', data: {} }]);
  });

  test('is told of a new password once, though the process died before the log was told', async () => {
    const { path: directory, remove } = temporaryPlace();
    const first = await startServer({ directory });
    const { user, email } = await signUp(first.url);
    await first.stop();
    const change = `'the-first', '${user.id}', NULL, NULL, '2026-01-01', '2026-01-02'`;
    await first.run('vault', `INSERT INTO password_changes VALUES (${change}, FALSE)`);
    for (let start = 0; start < 2; start += 1) {
      const next = await startServer({ directory });
      const { data } = await told(await signIn(next.url, email), '', next);
      expect(data).toMatchObject([{ kind: 'password-changed', data: {} }]);
      await next.stop();
    }
    const unconfirmed = 'SELECT * FROM password_changes WHERE NOT is_confirmed';
    expect(await first.run('vault', unconfirmed)).toEqual([]);
    await remove();
  });

  test('is told when a refresh token of it is used twice, once for each session', async () => {
    const ada = await newcomer();
    const refresh = () =>
      send(server.url, 'POST /auth/refresh', { headers: { cookie: ada.cookie } });
    expect((await refresh()).status).toBe(200);
    for (let time = 0; time < 3; time += 1) expect((await refresh()).status).toBe(401);
    const { data } = await told(await signIn(server.url, ada.email));
    expect(data).toMatchObject([{ kind: 'token-reused', data: {} }]);
  });
});

describe('the notifications of somebody', () => {
  test('are their own alone, newest first, a page at a time', async () => {
    const [ada, bob] = [await newcomer(), await newcomer()];
    const rooms: string[] = [];
    for (let count = 0; count < 5; count += 1) {
      rooms.unshift((await post(bob, `@${ada.user.name}`)).room);
      await server.reactedToAll();
    }
    const all = await told(ada);
    expect(all.data.map(({ data }) => data.room)).toEqual(rooms);
    const second = await told(ada, '?page=2&limit=2');
    expect(second).toEqual({ data: all.data.slice(2, 4), total: 5, page: 2, pages: 3 });
    expect(await told(bob)).toEqual({ data: [], total: 0, page: 1, pages: 0 });
  });

  test('may be asked for without those that are read', async () => {
    const [ada, bob] = [await newcomer(), await newcomer()];
    for (const text of ['one', 'two']) await post(bob, `@${ada.user.name} ${text}`);
    const { data } = await told(ada);
    await ada.client.notifications({ id: data[0]!.id }).read.post();
    const unread = await told(ada, '?unread=true');
    expect(unread).toEqual({ data: [data[1]!], total: 1, page: 1, pages: 1 });
    expect(await told(ada, '?unread=false')).toMatchObject({ total: 2 });
  });

  test.each(['unread=maybe', 'limit=0', 'limit=101', 'page=0'])('refuse %s', async (query) => {
    const { accessToken: token } = admin;
    const response = await send(server.url, `GET /notifications?${query}`, { token });
    const { details } = await expectProblem(response, 422, 'VALIDATION_ERROR');
    expect(details.map(({ path }) => path)).toEqual([`/${query.split('=')[0]}`]);
  });

  test('are closed to strangers', async () => {
    await expectProblem(await send(server.url, 'GET /notifications'), 401, 'UNAUTHORIZED');
    const read = await send(server.url, 'POST /notifications/x/read');
    await expectProblem(read, 401, 'UNAUTHORIZED');
  });
});

describe('reading a notification', () => {
  async function unread() {
    const [ada, bob] = [await newcomer(), await newcomer()];
    await post(bob, `@${ada.user.name}`);
    const [notification] = (await told(ada)).data;
    return { ada, bob, notification: notification!, id: notification!.id };
  }

  test('answers it as read, and the next list shows it so', async () => {
    const { ada, notification, id } = await unread();
    const { data, status, response } = await ada.client.notifications({ id }).read.post();
    expect(status).toBe(200);
    const { updatedAt } = data!;
    expect(data).toEqual({ ...notification, read: true, version: 2, updatedAt });
    expect(response.headers.get('etag')).toBe('"2"');
    expect(positionOf(response)).toBeGreaterThan(0);
    expect((await told(ada)).data).toEqual([data!]);
  });

  test('twice is answered alike and stores nothing', async () => {
    const { ada, id } = await unread();
    const first = await ada.client.notifications({ id }).read.post();
    const again = await ada.client.notifications({ id }).read.post();
    expect({ status: again.status, data: again.data }).toEqual({ status: 200, data: first.data });
    expect(positionOf(again.response)).toBe(positionOf(first.response));
  });

  test('of somebody else or of nobody is answered as if there were none', async () => {
    const { ada, bob, id } = await unread();
    for (const token of [bob.accessToken, admin.accessToken]) {
      const response = await send(server.url, `POST /notifications/${id}/read`, { token });
      await expectProblem(response, 404, 'NOT_FOUND');
    }
    const response = await send(server.url, `POST /notifications/unknown/read`, {
      token: ada.accessToken,
    });
    await expectProblem(response, 404, 'NOT_FOUND');
    expect((await told(ada)).data).toMatchObject([{ read: false, version: 1 }]);
  });

  test('with an Idempotency-Key gets the first answer again', async () => {
    const { ada, id } = await unread();
    const headers = { 'idempotency-key': 'read it' };
    const read = (which: string) =>
      send(server.url, `POST /notifications/${which}/read`, { token: ada.accessToken, headers });
    const [first, again] = [await read(id), await read(id)];
    expect([first.status, again.status]).toEqual([200, 200]);
    expect(await again.json()).toEqual(await first.json());
    expect(again.headers.get('idempotent-replay')).toBe('true');
    await expectProblem(await read('another'), 422, 'IDEMPOTENCY_KEY_REUSED');
  });
});

describe('reading under an Idempotency-Key', () => {
  test('what is told to somebody else, or to nobody, is refused as without one', async () => {
    const [ada, eve] = [await newcomer(), await newcomer()];
    await post(eve, `@${ada.user.name}`);
    const { id } = (await told(ada)).data[0]!;
    for (const one of [id, '01900000-0000-7000-8000-000000000000']) {
      for (const headers of [{}, { 'idempotency-key': crypto.randomUUID() }]) {
        const route = `POST /notifications/${one}/read` as const;
        const response = await send(server.url, route, { token: eve.accessToken, headers });
        await expectProblem(response, 404, 'NOT_FOUND');
      }
    }
    expect((await told(ada)).data).toMatchObject([{ id, read: false }]);
  });
});

answers.testsThatAllAreAsDeclared(() => server.url);
