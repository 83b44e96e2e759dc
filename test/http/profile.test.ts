import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import {
  signIn,
  signUp,
  startServer,
  type TestServer,
  testPassword,
} from '../../src/testing/server.ts';
import { watchAnswers } from './declared.ts';
import { expectProblem, positionOf, send } from './requests.ts';

const answers = watchAnswers();
let server: TestServer;
let ada: Awaited<ReturnType<typeof signUp>>;

beforeAll(async () => {
  server = await startServer();
  ada = await signUp(server.url);
});
afterAll(() => server.stop());

function patch(json: unknown, headers: Record<string, string> = {}, token = ada.accessToken) {
  return send(server.url, 'PATCH /profile', { json, headers, token });
}

function change(token: string, json: unknown) {
  return send(server.url, 'POST /profile/password', { token, json });
}

describe('the profile', () => {
  test('is the user who asks, with a tag', async () => {
    const { data, response } = await ada.client.profile.get();
    expect(data).toEqual(ada.user);
    expect(response.headers.get('etag')).toBe(`"${data!.version}"`);
  });

  test.each(['GET', 'PATCH'] as const)('is closed to strangers: %s', async (method) => {
    const response = await send(server.url, `${method} /profile`);
    await expectProblem(response, 401, 'UNAUTHORIZED');
  });
});

describe('changing the name', () => {
  test('answers the changed user, and the next read shows it', async () => {
    const grace = await signUp(server.url);
    const { data, status, response } = await grace.client.profile.patch({ name: ' Grace Hopper ' });
    expect(status).toBe(200);
    expect(data).toMatchObject({ id: grace.user.id, name: 'Grace Hopper', version: 2 });
    expect(response.headers.get('etag')).toBe('"2"');
    expect(positionOf(response)).toBeGreaterThan(0);
    const read = await grace.client.profile.get();
    expect(read.data).toEqual(data!);
  });

  test('to what it is already stores nothing', async () => {
    const { user, client } = await signUp(server.url, { name: 'Ada' });
    const { data } = await client.profile.patch({ name: 'Ada' });
    expect(data).toEqual(user);
  });

  test('is refused when the version seen is old', async () => {
    const { client, accessToken } = await signUp(server.url);
    const first = await client.profile.patch({ name: 'One' }, { headers: { 'if-match': '"1"' } });
    expect(first.status).toBe(200);
    const second = await patch({ name: 'Two' }, { 'if-match': '"1"' }, accessToken);
    await expectProblem(second, 412, 'PRECONDITION_FAILED');
    expect((await client.profile.get()).data?.name).toBe('One');
  });

  test.each([
    ['no name', {}],
    ['a blank name', { name: ' ' }],
    ['a number', { name: 7 }],
    ['another field', { name: 'Ada', role: 'admin' }],
    ['another address', { name: 'Ada', email: 'eve@example.com' }],
  ])('is refused with %s', async (_, json) => {
    await expectProblem(await patch(json), 422, 'VALIDATION_ERROR');
  });
});

describe('changing the password', () => {
  const next = 'another long password';

  test('makes the new one work and the old one stop', async () => {
    const { email, client } = await signUp(server.url);
    const passwords = { currentPassword: testPassword, newPassword: next };
    const { status, response } = await client.profile.password.post(passwords);
    expect(status).toBe(204);
    expect(positionOf(response)).toBeGreaterThan(0);
    expect((await signIn(server.url, email, next)).accessToken).toBeString();
    const old = { email, password: testPassword };
    const refused = await send(server.url, 'POST /auth/login', { json: old });
    await expectProblem(refused, 401, 'UNAUTHORIZED');
  });

  test('leaves no session that was begun with the old one meanwhile', async () => {
    const { email, client, accessToken } = await signUp(server.url);
    const json = { email, password: testPassword };
    const progress = { isChanged: false };
    const passwords = { currentPassword: testPassword, newPassword: next };
    const change = client.profile.password
      .post(passwords)
      .finally(() => (progress.isChanged = true));
    const tokens: string[] = [];
    const signInAgainAndAgain = async () => {
      while (!progress.isChanged) {
        const login = await send(server.url, 'POST /auth/login', { json });
        if (login.ok) tokens.push(((await login.json()) as { accessToken: string }).accessToken);
      }
    };
    await Promise.all(Array.from({ length: 6 }, signInAgainAndAgain));
    expect((await change).status).toBe(204);
    for (const token of tokens) {
      expect((await send(server.url, 'GET /profile', { token })).status).toBe(401);
    }
    const own = await send(server.url, 'GET /profile', { token: accessToken });
    expect(own.status).toBe(200);
  });

  test('by two at once succeeds for one', async () => {
    const { email, accessToken } = await signUp(server.url);
    const passwords = [next, `${next} as well`];
    const responses = await Promise.all(
      passwords.map((newPassword) =>
        change(accessToken, { currentPassword: testPassword, newPassword }),
      ),
    );
    const statuses = responses.map(({ status }) => status);
    expect(statuses.toSorted()).toEqual([204, 403]);
    const winner = passwords[statuses.indexOf(204)]!;
    expect((await signIn(server.url, email, winner)).accessToken).toBeString();
  });

  test('is refused when the current one is wrong, and changes nothing', async () => {
    const { email, accessToken } = await signUp(server.url);
    const response = await change(accessToken, { currentPassword: 'wrong', newPassword: next });
    await expectProblem(response, 403, 'WRONG_PASSWORD');
    expect((await signIn(server.url, email)).accessToken).toBeString();
  });

  test.each([
    ['too short', 'zvkqwnx'],
    ['too long', 'z'.repeat(257)],
    ['one that everybody tries first', 'iloveyou1'],
  ])('is refused when the new one is %s', async (_, newPassword) => {
    const response = await change(ada.accessToken, { currentPassword: testPassword, newPassword });
    const { details } = await expectProblem(response, 422, 'VALIDATION_ERROR');
    expect(details.map(({ path }) => path)).toEqual(['/newPassword']);
  });
});

answers.testsThatAllAreAsDeclared(() => server.url);
