import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { userStream } from '../../src/events/users.ts';
import {
  promote,
  signIn,
  signUp,
  startServer,
  temporaryPlace,
  type TestServer,
  testPassword,
} from '../../src/testing/server.ts';
import { watchAnswers } from './declared.ts';
import { eventually, expectProblem, newEmail, newRoom, newSku, send } from './requests.ts';

const answers = watchAnswers();
let server: TestServer;
let ada: Awaited<ReturnType<typeof signUp>>;
let eve: Awaited<ReturnType<typeof signUp>>;
let admin: Awaited<ReturnType<typeof promote>>;

beforeAll(async () => {
  server = await startServer();
  ada = await signUp(server.url);
  eve = await signUp(server.url);
  const root = await signUp(server.url);
  admin = await promote(server, root.user.id, root.email);
});
afterAll(() => server.stop());

type Command = {
  readonly route: `POST /${string}`;
  readonly json?: unknown;
  readonly token?: string;
  readonly key?: string;
  readonly url?: string;
};

function post({ route, json, token, key = crypto.randomUUID(), url = server.url }: Command) {
  return send(url, route, {
    headers: { 'idempotency-key': key },
    ...(json !== undefined && { json }),
    ...(token !== undefined && { token }),
  });
}

/** The answers to the same command, sent ten times at once. */
async function tenTimes(command: Command) {
  const key = crypto.randomUUID();
  return await Promise.all(Array.from({ length: 10 }, () => post({ key, ...command })));
}

async function expectOneAnswer(responses: readonly Response[], status: number) {
  const answers = await Promise.all(
    responses.map(async (response) => ({
      status: response.status,
      body: await response.text(),
      position: response.headers.get('event-position'),
      tag: response.headers.get('etag'),
    })),
  );
  expect(answers[0]!.status).toBe(status);
  expect(answers).toEqual(Array.from({ length: responses.length }, () => answers[0]!));
  const replays = responses.filter(({ headers }) => headers.get('idempotent-replay') === 'true');
  expect(replays).toHaveLength(responses.length - 1);
  expect(responses.filter(({ headers }) => headers.has('idempotent-replay'))).toEqual(replays);
}

const newProduct = () => ({ name: 'Mug', price: 1, sku: newSku() });

async function eventsOf(userId: string) {
  const stream = server.application.edge.store.readStream(userStream(userId));
  return (await Array.fromAsync(stream)).map(({ type }) => type as string);
}

describe('the same command ten times at once with one key', () => {
  test('registers one account', async () => {
    const email = newEmail();
    const json = { email, name: 'Ada', password: testPassword };
    await expectOneAnswer(await tenTimes({ route: 'POST /auth/register', json }), 201);
    const { data } = await admin.client.admin.users.get({ query: { search: email } });
    expect(data?.total).toBe(1);
    expect(await eventsOf(data!.data[0]!.id)).toEqual(['UserRegistered']);
  });

  test('creates one product', async () => {
    const json = newProduct();
    const token = ada.accessToken;
    await expectOneAnswer(await tenTimes({ route: 'POST /products', json, token }), 201);
    const { data } = await ada.client.products.get({ query: { search: json.sku } });
    expect(data?.data).toMatchObject([{ version: 1 }]);
  });

  test('posts one message', async () => {
    const room = newRoom();
    const route = `POST /chat/${room}/messages` as const;
    const command = { route, json: { text: 'Hi' }, token: ada.accessToken };
    await expectOneAnswer(await tenTimes(command), 201);
    const { data } = await ada.client.chat({ room }).messages.get({ query: {} });
    expect(data?.data).toHaveLength(1);
  });

  test('changes the password once', async () => {
    const { user, accessToken: token, email } = await signUp(server.url);
    const json = { currentPassword: testPassword, newPassword: 'another long password' };
    await expectOneAnswer(await tenTimes({ route: 'POST /profile/password', json, token }), 204);
    expect(await eventsOf(user.id)).toEqual(['UserRegistered', 'UserPasswordChanged']);
    expect((await signIn(server.url, email, json.newPassword)).accessToken).toBeString();
  });

  test('begins one rebuild', async () => {
    const route = 'POST /admin/projections/messages/rebuild';
    await expectOneAnswer(await tenTimes({ route, token: admin.accessToken }), 202);
    await eventually(
      async () => (await admin.client.admin.projections.get()).data!.data,
      (all) => all.every(({ status }) => status === 'live'),
    );
  });
});

describe('a key that was used', () => {
  test('is refused with another body, at once or later', async () => {
    const key = crypto.randomUUID();
    const token = ada.accessToken;
    const responses = await Promise.all(
      Array.from({ length: 5 }, () =>
        post({ route: 'POST /products', json: newProduct(), token, key }),
      ),
    );
    const refused = responses.filter(({ status }) => status !== 201);
    expect(refused).toHaveLength(4);
    const later = await post({ route: 'POST /products', json: newProduct(), token, key });
    for (const response of [...refused, later]) {
      expect(response.headers.has('idempotent-replay')).toBe(false);
      await expectProblem(response, 422, 'IDEMPOTENCY_KEY_REUSED');
    }
  });

  test('is known by the log though its answer was not kept', async () => {
    const key = crypto.randomUUID();
    const json = { email: newEmail(), name: 'Ada', password: testPassword };
    const command = { route: 'POST /auth/register', key } as const;
    const first = await post({ ...command, json });
    await server.run('vault', 'DELETE FROM answers');
    const other = await post({ ...command, json: { ...json, email: newEmail(), name: 'Eve' } });
    expect(await other.clone().text()).not.toContain(json.email);
    await expectProblem(other, 422, 'IDEMPOTENCY_KEY_REUSED');
    await expectOneAnswer([first, await post({ ...command, json })], 201);
  });

  test('changed a password, and answers so though neither log nor vault has kept an answer', async () => {
    const { accessToken: token, user, email } = await signUp(server.url);
    const [key, newPassword] = [crypto.randomUUID(), 'another long password'];
    const command = { route: 'POST /profile/password', key, token } as const;
    const json = { currentPassword: testPassword, newPassword };
    expect((await post({ ...command, json })).status).toBe(204);
    await server.run('vault', 'DELETE FROM answers');
    const other = await post({ ...command, json: { ...json, newPassword: 'quite another one' } });
    await expectProblem(other, 422, 'IDEMPOTENCY_KEY_REUSED');
    const again = await post({ ...command, json });
    expect([again.status, again.headers.get('idempotent-replay')]).toEqual([204, 'true']);
    await expectProblem(await post({ ...command, key: 'new', json }), 403, 'WRONG_PASSWORD');
    await server.run('vault', 'DELETE FROM password_changes');
    await server.run('vault', 'DELETE FROM answers');
    const later = { currentPassword: newPassword, newPassword: 'the third long one' };
    expect((await post({ ...command, json: later })).status).toBe(204);
    const changes = (await eventsOf(user.id)).filter((type) => type === 'UserPasswordChanged');
    expect(changes).toHaveLength(2);
    expect((await signIn(server.url, email, later.newPassword)).accessToken).toBeString();
  });

  test('changed a password, and is known after a start that made good a crash', async () => {
    const { path: directory, remove } = temporaryPlace();
    const first = await startServer({ directory });
    const { accessToken: token } = await signUp(first.url);
    const json = { currentPassword: testPassword, newPassword: 'another long password' };
    const key = crypto.randomUUID();
    const command = { route: 'POST /profile/password', key, token, json } as const;
    expect((await post({ ...command, url: first.url })).status).toBe(204);
    await first.stop();
    await first.run('vault', 'DELETE FROM answers');
    const second = await startServer({ directory });
    const again = await post({ ...command, url: second.url });
    expect([again.status, again.headers.get('idempotent-replay')]).toEqual([204, 'true']);
    await second.stop();
    await remove();
  });

  test('leaves nothing by which its password is guessed faster than by its hash', async () => {
    const [email, key] = [newEmail(), crypto.randomUUID()];
    const registration = { email, name: 'Ada', password: testPassword };
    await post({ route: 'POST /auth/register', key, json: registration });
    const { accessToken: token } = await signIn(server.url, email);
    const change = { currentPassword: testPassword, newPassword: 'another long password' };
    await post({ route: 'POST /profile/password', key, json: change, token });
    const kept = [
      ...(await server.run('log', 'SELECT * FROM commands')),
      ...(await server.run('vault', 'SELECT * FROM answers')),
      ...(await server.run('vault', 'SELECT * FROM password_changes')),
    ];
    const everything = JSON.stringify(kept);
    const { digest } = server.application.edge;
    const quick = (route: string, json: object) =>
      digest('request', `${route}\n${JSON.stringify(json)}`);
    expect(everything).toContain(digest('command', `anonymous\n${key}`));
    expect(everything).not.toContain(quick('POST /auth/register', registration));
    expect(everything).not.toContain(quick('POST /profile/password', change));
  });

  test('is refused at another address', async () => {
    const key = crypto.randomUUID();
    const token = ada.accessToken;
    const json = { text: 'Hi' };
    const [here, there] = [newRoom(), newRoom()];
    await post({ route: `POST /chat/${here}/messages`, json, token, key });
    const response = await post({ route: `POST /chat/${there}/messages`, json, token, key });
    await expectProblem(response, 422, 'IDEMPOTENCY_KEY_REUSED');
    const { data } = await ada.client.chat({ room: there }).messages.get({ query: {} });
    expect(data?.data).toEqual([]);
  });

  test('by somebody else is another key', async () => {
    const key = crypto.randomUUID();
    const route = `POST /chat/${newRoom()}/messages` as const;
    const json = { text: 'Hi' };
    const mine = await post({ route, json, token: ada.accessToken, key });
    const theirs = await post({ route, json, token: eve.accessToken, key });
    expect(theirs.headers.has('idempotent-replay')).toBe(false);
    expect(await theirs.json()).toMatchObject({ from: eve.user.id });
    expect(await mine.json()).toMatchObject({ from: ada.user.id });
  });

  test('does not open the door to strangers', async () => {
    const key = crypto.randomUUID();
    const json = newProduct();
    await post({ route: 'POST /products', json, token: ada.accessToken, key });
    await expectProblem(await post({ route: 'POST /products', json, key }), 401, 'UNAUTHORIZED');
  });

  test('answers with the address of what it made', async () => {
    const command = {
      route: 'POST /products',
      json: newProduct(),
      token: ada.accessToken,
    } as const;
    const key = crypto.randomUUID();
    const [first, second] = [await post({ ...command, key }), await post({ ...command, key })];
    expect(second.headers.get('location')).toBe(first.headers.get('location')!);
  });

  test('answers as at first, even when the thing has changed since', async () => {
    const key = crypto.randomUUID();
    const command = {
      route: 'POST /products',
      json: newProduct(),
      token: ada.accessToken,
    } as const;
    const first = (await (await post({ ...command, key })).json()) as { id: string };
    await ada.client.products({ id: first.id }).patch({ price: 2 });
    expect(await (await post({ ...command, key })).json()).toEqual(first);
    await ada.client.products({ id: first.id }).delete();
    expect(await (await post({ ...command, key })).json()).toEqual(first);
  });
});

describe('a refusal under a key', () => {
  test('is repeated, even when the reason is gone', async () => {
    const json = newProduct();
    const { data: holder } = await eve.client.products.post(json);
    const command = { route: 'POST /products', json, token: ada.accessToken } as const;
    const key = crypto.randomUUID();
    const first = await post({ ...command, key });
    await expectProblem(first.clone() as Response, 409, 'SKU_TAKEN');
    await eve.client.products({ id: holder!.id }).delete();
    await expectOneAnswer([first, await post({ ...command, key })], 409);
  });

  test('of an address that is taken is repeated', async () => {
    const json = { email: ada.email, name: 'Ada', password: testPassword };
    await expectOneAnswer(await tenTimes({ route: 'POST /auth/register', json }), 409);
  });

  test('of a wrong password is repeated', async () => {
    const json = { currentPassword: 'wrong', newPassword: 'another long password' };
    const token = ada.accessToken;
    await expectOneAnswer(await tenTimes({ route: 'POST /profile/password', json, token }), 403);
  });
});

describe('a key that cannot be one', () => {
  test.each([
    ['empty', ''],
    ['of 256 characters', 'x'.repeat(256)],
    ['with a tab', 'a\tb'],
  ])('is refused: %s', async (_, key) => {
    const command = {
      route: 'POST /products',
      json: newProduct(),
      token: ada.accessToken,
    } as const;
    await expectProblem(await post({ ...command, key }), 422, 'VALIDATION_ERROR');
  });
});

describe('after a restart', () => {
  test('the first answers are given again', async () => {
    const { path: directory, remove } = temporaryPlace();
    const before = await startServer({ directory });
    const { user, email } = await signUp(before.url);
    const { accessToken: token, client } = await promote(before, user.id, email);
    const commands: readonly Command[] = [
      {
        route: 'POST /auth/register',
        json: { email: newEmail(), name: 'Ada', password: testPassword },
      },
      { route: 'POST /products', json: newProduct(), token },
      { route: 'POST /chat/lobby/messages', json: { text: 'Hi' }, token },
      {
        route: 'POST /profile/password',
        json: { currentPassword: testPassword, newPassword: 'another long password' },
        token,
      },
      { route: 'POST /admin/projections/users/rebuild', token },
    ];
    const keyed = commands.map((one) => Object.assign({ key: crypto.randomUUID() }, one));
    const firsts: Response[] = [];
    for (const one of keyed) firsts.push(await post({ ...one, url: before.url }));
    await eventually(
      async () => (await client.admin.projections.get()).data!.data,
      (all) => all.every(({ status }) => status === 'live'),
    );
    await before.stop();

    const after = await startServer({ directory });
    const repeated: Response[] = [];
    for (const one of keyed) repeated.push(await post({ ...one, url: after.url }));
    for (const [index, status] of [201, 201, 201, 204, 202].entries()) {
      await expectOneAnswer([firsts[index]!, repeated[index]!], status);
    }
    await after.stop();
    await remove();
  });
});

answers.testsThatAllAreAsDeclared(() => server.url);
