import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { signIn, startServer, type TestServer, testPassword } from '../../src/testing/server.ts';
import { watchAnswers } from './declared.ts';
import { expectProblem, isoTime, newEmail, positionOf, send, uuid7 } from './requests.ts';

const answers = watchAnswers();
let server: TestServer;
let taken: string;

beforeAll(async () => {
  server = await startServer();
  taken = newEmail();
  await register({ email: taken });
});
afterAll(() => server.stop());

function register({ email = newEmail(), name = 'Ada Lovelace', password = testPassword }) {
  return server.anonymous.auth.register.post({ email, name, password });
}

const post = (path: 'register' | 'login', json: unknown) =>
  send(server.url, `POST /auth/${path}`, { json });

describe('registering', () => {
  test('answers the new user, their tag and the place of the event', async () => {
    const email = newEmail();
    const { data, status, response } = await register({ email });
    expect(status).toBe(201);
    expect(data).toEqual({
      id: expect.stringMatching(uuid7),
      email,
      name: 'Ada Lovelace',
      role: 'user',
      version: 1,
      createdAt: expect.stringMatching(isoTime),
      updatedAt: data!.createdAt,
    });
    expect(response.headers.get('etag')).toBe('"1"');
    expect(positionOf(response)).toBeGreaterThan(0);
  });

  test('signs nobody in', async () => {
    const { response } = await register({});
    expect(response.headers.get('set-cookie')).toBeNull();
  });

  test('trims the address and the name', async () => {
    const email = newEmail();
    const { data } = await register({ email: `  ${email} `, name: '  Grace Hopper ' });
    expect(data).toMatchObject({ email, name: 'Grace Hopper' });
  });

  test('lets nobody choose their role', async () => {
    const json = { email: newEmail(), name: 'Eve', password: testPassword, role: 'admin' };
    const { details } = await expectProblem(await post('register', json), 422, 'VALIDATION_ERROR');
    expect(details.map(({ path }) => path)).toEqual(['/role']);
  });

  test.each([
    ['as it is', (email: string) => email],
    ['in other case', (email: string) => email.toUpperCase()],
    ['between spaces', (email: string) => `  ${email}\u0020`],
  ])('refuses an address that is taken, %s', async (_, spell) => {
    const json = { email: spell(taken), name: 'Ada', password: testPassword };
    await expectProblem(await post('register', json), 409, 'EMAIL_TAKEN');
  });

  test.each([
    '',
    'ada',
    'ada@',
    '@example.com',
    'a b@example.com',
    'ada@example',
    'a@b@example.com',
  ])('refuses the address %p', async (email) => {
    const json = { email, name: 'Ada', password: testPassword };
    const problem = await expectProblem(await post('register', json), 422, 'VALIDATION_ERROR');
    expect(problem.details.map(({ path }) => path)).toEqual(['/email']);
  });

  test.each([
    ['is blank', '   '],
    ['is longer than 200 characters', 'a'.repeat(201)],
    ['has a line break', 'Ada\nLovelace'],
    ['has a NUL', 'Ada\0'],
    ['has half a surrogate pair', 'Ada \ud800'],
  ])('refuses a name that %s', async (_, name) => {
    const json = { email: newEmail(), name, password: testPassword };
    const problem = await expectProblem(await post('register', json), 422, 'VALIDATION_ERROR');
    expect(problem.details.map(({ path }) => path)).toEqual(['/name']);
  });

  test('names every field that is missing', async () => {
    const problem = await expectProblem(await post('register', {}), 422, 'VALIDATION_ERROR');
    expect(problem.details.map(({ path }) => path).toSorted()).toEqual([
      '/email',
      '/name',
      '/password',
    ]);
  });
});

describe('the password of a new account', () => {
  test.each([
    ['of 8 characters', 'zvkqwnxe'],
    ['of 256 characters', 'zq'.repeat(128)],
    ['of 8 characters outside the basic plane', '🦉🐢🦊🐝🦋🐙🦔🐳'],
    ['of spaces and small letters only', 'four plain small words'],
  ])('may be one %s', async (_, password) => {
    const email = newEmail();
    expect((await register({ email, password })).status).toBe(201);
    expect((await signIn(server.url, email, password)).accessToken).toBeString();
  });

  test.each([
    ['of 7 characters', 'zvkqwnx'],
    ['of 257 characters', 'z'.repeat(257)],
    ['that everybody tries first', 'password123'],
    ['that everybody tries first, in other case', 'PassWord123'],
  ])('cannot be one %s', async (_, password) => {
    const json = { email: newEmail(), name: 'Ada', password };
    const problem = await expectProblem(await post('register', json), 422, 'VALIDATION_ERROR');
    expect(problem.details.map(({ path }) => path)).toEqual(['/password']);
  });
});

describe('signing in', () => {
  test('answers an access token, the user and a refresh cookie', async () => {
    const credentials = { email: taken, password: testPassword };
    const { data, status, response } = await server.anonymous.auth.login.post(credentials);
    expect(status).toBe(200);
    expect(Object.keys(data!).toSorted()).toEqual(['accessToken', 'user']);
    expect(data!.user).toMatchObject({ email: taken, role: 'user' });
    expect(data!.accessToken.split('.')).toHaveLength(3);
    expect(response.headers.get('set-cookie')).toStartWith('refold_refresh=');
  });

  test('knows the address in other case and between spaces', async () => {
    const credentials = { email: `  ${taken.toUpperCase()} `, password: testPassword };
    const { data } = await server.anonymous.auth.login.post(credentials);
    expect(data?.user.email).toBe(taken);
  });

  test('says the same of an unknown address as of a wrong password', async () => {
    const wrong = await post('login', { email: taken, password: 'not the password' });
    const unknown = await post('login', { email: newEmail(), password: testPassword });
    for (const response of [wrong, unknown]) {
      expect(response.headers.get('www-authenticate')).toStartWith('Bearer');
      expect(response.headers.get('set-cookie')).toBeNull();
    }
    const { requestId: _, ...first } = await expectProblem(wrong, 401, 'UNAUTHORIZED');
    const { requestId: __, ...second } = await expectProblem(unknown, 401, 'UNAUTHORIZED');
    expect(second).toEqual(first);
  });

  test('takes as long for an unknown address as for a wrong password', async () => {
    const known: number[] = [];
    const unknown: number[] = [];
    for (let round = 0; round < 7; round += 1) {
      known.push(await msOf(() => post('login', { email: taken, password: 'not the password' })));
      unknown.push(await msOf(() => post('login', { email: newEmail(), password: 'anything' })));
    }
    const ratio = median(unknown) / median(known);
    expect(ratio).toBeGreaterThan(0.5);
    expect(ratio).toBeLessThan(2);
  });

  test.each([
    ['nothing', {}],
    ['no password', { email: 'ada@example.com' }],
    ['numbers', { email: 1, password: 2 }],
  ])('refuses %s', async (_, json) => {
    await expectProblem(await post('login', json), 422, 'VALIDATION_ERROR');
  });
});

async function msOf(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

answers.testsThatAllAreAsDeclared(() => server.url);
