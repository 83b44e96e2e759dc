import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { userStream } from '../../src/events/users.ts';
import {
  signIn,
  signUp,
  startServer,
  temporaryPlace,
  type TestServer,
  testPassword,
} from '../../src/testing/server.ts';
import { watchAnswers } from './declared.ts';
import { expectProblem, send } from './requests.ts';

const answers = watchAnswers();
const secret = 'a secret of the tests, long enough 1';
const oldSecret = 'a secret of the tests, long enough 2';
const refreshSecret = 'a secret of the tests, long enough 3';
const others = { refresh: [refreshSecret], crypto: [secret] };
const ownKey = { kty: 'oct', k: Buffer.from(oldSecret).toString('base64url'), alg: 'HS256' };
let server: TestServer;
let ada: Awaited<ReturnType<typeof signUp>>;

beforeAll(async () => {
  server = await startServer({ secrets: { ...others, jwt: [secret] } });
  ada = await signUp(server.url);
});
afterAll(() => server.stop());

const upgrade = {
  headers: {
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
  },
};

const profile = (token: string, url = server.url) => send(url, 'GET /profile', { token });

function auth(action: 'refresh' | 'logout', cookie?: string, url = server.url) {
  return send(url, `POST /auth/${action}`, cookie === undefined ? {} : { headers: { cookie } });
}

const cookieOf = (response: Response) =>
  response.headers.get('set-cookie')?.split(';')[0] ?? 'no cookie';

const eventsOf = ({ application }: TestServer, userId: string) =>
  Array.fromAsync(application.edge.store.readStream(userStream(userId)));

async function expectSignedOut(response: Response) {
  expect(response.headers.get('www-authenticate')).toStartWith('Bearer');
  await expectProblem(response, 401, 'UNAUTHORIZED');
}

type Parts = { readonly [name: string]: unknown };

const encoded = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url');
const decoded = (part = '') => JSON.parse(Buffer.from(part, 'base64url').toString()) as Parts;

/** Ada's token with other claims, another header or another signature. */
function forge(claims: Parts = {}, header: Parts = {}, sign = hmac('sha256', secret)) {
  const [head, body] = ada.accessToken.split('.');
  const unsigned = [
    { ...decoded(head), ...header },
    { ...decoded(body), ...claims },
  ]
    .map(encoded)
    .join('.');
  return `${unsigned}.${sign(unsigned)}`;
}

function hmac(hash: string, key: string) {
  return (text: string) => createHmac(hash, key).update(text).digest('base64url');
}

/** Other claims under the old signature. */
function altered(claims: Parts) {
  const [head, body, signature] = ada.accessToken.split('.');
  return [head, encoded({ ...decoded(body), ...claims }), signature].join('.');
}

/** The same bytes in base64url, with one of the bits set that decode to nothing. */
function respelled(token: string): string {
  const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  return token.slice(0, -1) + digits[digits.indexOf(token.at(-1)!) | 1];
}

/** Where a token may be sent: in the header, or in the address of what is followed. */
const doors = [
  ['GET /profile', (token: string) => send(server.url, 'GET /profile', { token })],
  ['GET /events', (token: string) => send(server.url, 'GET /events', { token })],
  [
    'GET /events/stream',
    (token: string) => send(server.url, `GET /events/stream?token=${encodeURIComponent(token)}`),
  ],
  [
    'GET /ws/chat/lobby',
    (token: string) =>
      send(server.url, `GET /ws/chat/lobby?token=${encodeURIComponent(token)}`, upgrade),
  ],
] as const;

describe('an access token', () => {
  const now = Math.floor(Date.now() / 1_000);

  test('lets its user in, as `Bearer` in any case', async () => {
    for (const scheme of ['Bearer', 'bearer', 'BEARER']) {
      const headers = { authorization: `${scheme} ${ada.accessToken}` };
      expect((await send(server.url, 'GET /profile', { headers })).status).toBe(200);
    }
  });

  test('ends within a quarter of an hour', () => {
    const { iat, exp } = decoded(ada.accessToken.split('.')[1]);
    expect(Number(exp) - Number(iat)).toBe(900);
  });

  test('holds no address, no name and no secret', () => {
    const text = JSON.stringify(decoded(ada.accessToken.split('.')[1]));
    for (const word of [ada.email, ada.user.name, secret]) expect(text).not.toContain(word);
  });

  test('signed as ours are is let in', async () => {
    expect((await profile(forge({ jti: 'another' }))).status).toBe(200);
  });

  const named = (kid: unknown) => forge({}, { kid });
  const withHeader = (header: Parts) => forge({}, header);

  test.each([
    ['is not signed', () => forge({}, { alg: 'none' }, () => '')],
    ['is not signed, in capitals', () => forge({}, { alg: 'NONE' }, () => '')],
    ['is not signed, in mixed case', () => forge({}, { alg: 'nOnE' }, () => '')],
    ['is not signed, and has a signature', () => withHeader({ alg: 'none' })],
    ['is signed with HS384', () => forge({}, { alg: 'HS384' }, hmac('sha384', secret))],
    ['is signed with HS512', () => forge({}, { alg: 'HS512' }, hmac('sha512', secret))],
    ['says another way than it is signed', () => withHeader({ alg: 'HS512' })],
    ['says RS256 and is signed as ours are', () => withHeader({ alg: 'RS256' })],
    ['says ES256 with an empty signature', () => forge({}, { alg: 'ES256' }, () => '')],
    ['says hs256', () => withHeader({ alg: 'hs256' })],
    ['has no algorithm', () => withHeader({ alg: undefined })],
    ['names no key', () => named(undefined)],
    ['names an unknown key', () => named('another')],
    ['names the first key', () => named('0')],
    ['names a file as its key', () => forge({}, { kid: '/dev/null' }, hmac('sha256', ''))],
    ['names a file above as its key', () => named('../../../../dev/null')],
    ['names a query as its key', () => named("' UNION SELECT 'secret' --")],
    ['names a property of every object as its key', () => named('__proto__')],
    ['names a list of keys', () => named([decoded(ada.accessToken.split('.')[0])['kid']])],
    ['names an address as its key', () => named('https://evil.example/key')],
    ['brings its key', () => forge({}, { jwk: ownKey }, hmac('sha256', oldSecret))],
    ['brings its key, signed as ours are', () => withHeader({ jwk: ownKey })],
    ['says where its key is', () => withHeader({ jku: 'https://evil.example/jwks.json' })],
    ['says where its certificate is', () => withHeader({ x5u: 'https://evil.example/x5u' })],
    ['brings its certificate', () => withHeader({ x5c: ['MIIB'] })],
    ['has a header that must be understood', () => withHeader({ crit: ['exp'] })],
    ['is compressed', () => withHeader({ zip: 'DEF' })],
    ['is expired', () => forge({ iat: now - 1_000, exp: now - 1 })],
    ['expired long ago', () => forge({ iat: 1, exp: 2 })],
    ['is older than ours become', () => forge({ iat: now - 901, exp: now + 600 })],
    ['never expires', () => forge({ exp: undefined })],
    ['expires at no number', () => forge({ exp: `${now + 600}` })],
    ['is not yet valid', () => forge({ nbf: now + 600 })],
    ['is issued in the future', () => forge({ iat: now + 600, exp: now + 1_200 })],
    ['is not issued at any time', () => forge({ iat: undefined })],
    ['is for others', () => forge({ aud: 'others' })],
    ['is for nobody', () => forge({ aud: undefined })],
    ['is from others', () => forge({ iss: 'others' })],
    ['is from nobody', () => forge({ iss: undefined })],
    ['has no session', () => forge({ sid: undefined })],
    ['has no user', () => forge({ sub: undefined })],
    ['has no role', () => forge({ role: undefined })],
    ['has a role that nobody has', () => forge({ role: 'owner' })],
    ['has no id', () => forge({ jti: undefined })],
    ['is of another kind', () => withHeader({ typ: 'refresh' })],
    ['is of a general kind', () => withHeader({ typ: 'JWT' })],
    ['is of no kind', () => withHeader({ typ: undefined })],
    ['is the refresh token', () => ada.cookie.replace(/^[^=]*=/, '')],
    ['is signed with another key', () => forge({}, {}, hmac('sha256', oldSecret))],
    [
      'is signed with the key of refresh tokens',
      () => forge({}, {}, hmac('sha256', refreshSecret)),
    ],
    ['is signed with an empty key', () => forge({}, {}, hmac('sha256', ''))],
    ['lost its signature', () => ada.accessToken.replace(/[^.]*$/, '')],
    ['lost the end of its signature', () => ada.accessToken.slice(0, -1)],
    ['lost its signature and the dot', () => ada.accessToken.replace(/\.[^.]*$/, '')],
    ['lost its claims', () => ada.accessToken.replace(/\.[^.]*\./, '..')],
    ['lost its header', () => ada.accessToken.replace(/^[^.]*/, '')],
    ['has a fourth part', () => `${ada.accessToken}.e30`],
    ['has another spelling of its signature', () => respelled(ada.accessToken)],
    ['has padding', () => `${ada.accessToken}=`],
    ['has another role', () => altered({ role: 'admin' })],
    ['has another user', () => altered({ sub: 'somebody' })],
    ['has another end', () => altered({ exp: now + 100_000 })],
    ['is no token', () => 'nonsense'],
    ['is empty', () => ''],
    ['is very long', () => 'x'.repeat(8_000)],
  ])('that %s is refused, wherever it is shown', async (_, make) => {
    for (const [, show] of doors) await expectSignedOut(await show(make()));
  });

  test.each(['Basic YTpi', 'Bearer', 'Token x'])('is not %p', async (authorization) => {
    await expectSignedOut(await send(server.url, 'GET /profile', { headers: { authorization } }));
  });

  test('is not looked for in the address', async () => {
    await expectSignedOut(await send(server.url, `GET /profile?token=${ada.accessToken}`));
  });
});

describe('the refresh cookie', () => {
  test('is for the server alone: no script, no other site, no other path', async () => {
    const json = { email: ada.email, password: testPassword };
    const login = await send(server.url, 'POST /auth/login', { json });
    const attributes = login.headers.get('set-cookie')!.split('; ').slice(1);
    expect(attributes).toContain('HttpOnly');
    expect(attributes).toContain('SameSite=Strict');
    expect(attributes).toContain('Path=/auth');
    expect(attributes).toContain('Max-Age=604800');
    expect(attributes).not.toContain('Secure');
  });

  test('is for this very host over encrypted connections alone in production', async () => {
    const secrets = { ...others, jwt: [secret] };
    const production = await startServer({ secrets, isProduction: true });
    const { cookie } = await signUp(production.url);
    expect(cookie).toStartWith('__Host-refold_refresh=');
    const planted = await auth('refresh', cookie.replace('__Host-', ''), production.url);
    await expectSignedOut(planted);
    const refreshed = await auth('refresh', cookie, production.url);
    const signedOut = await auth('logout', cookieOf(refreshed), production.url);
    expect([refreshed.status, signedOut.status]).toEqual([200, 204]);
    for (const response of [refreshed, signedOut]) {
      const [pair, ...attributes] = response.headers.get('set-cookie')!.split('; ');
      expect(pair).toStartWith('__Host-refold_refresh=');
      for (const one of ['HttpOnly', 'SameSite=Strict', 'Path=/', 'Secure']) {
        expect(attributes).toContain(one);
      }
      expect(attributes.join()).not.toContain('Domain');
    }
    const document = await (await fetch(`${production.url}/docs/json`)).text();
    expect(document).toContain('"name":"__Host-refold_refresh"');
    await production.stop();
  });

  test('brings a new access token and a new cookie', async () => {
    const { cookie, user } = await signUp(server.url);
    const response = await auth('refresh', cookie);
    expect(response.status).toBe(200);
    const body = (await response.json()) as { accessToken: string; user: unknown };
    expect(body).toEqual({ accessToken: expect.any(String), user });
    expect((await profile(body.accessToken)).status).toBe(200);
    const next = cookieOf(response);
    expect(next).not.toBe(cookie);
    expect((await auth('refresh', next)).status).toBe(200);
  });

  test('used twice ends its whole family, access tokens too', async () => {
    const { cookie, accessToken, email } = await signUp(server.url);
    const other = await signIn(server.url, email);
    const refreshed = await auth('refresh', cookie);
    const { accessToken: second } = (await refreshed.json()) as { accessToken: string };
    const again = await auth('refresh', cookie);
    expect(again.headers.get('set-cookie')).toMatch(/^refold_refresh=;.*Max-Age=0/);
    await expectSignedOut(again);
    await expectSignedOut(await auth('refresh', cookieOf(refreshed)));
    await expectSignedOut(await profile(accessToken));
    await expectSignedOut(await profile(second));
    expect((await profile(other.accessToken)).status).toBe(200);
  });

  test('used twice is recorded, once for its session', async () => {
    const { cookie, user } = await signUp(server.url);
    const session = cookie.split('=')[1]!.split('.')[0]!;
    const response = await auth('refresh', cookie);
    for (let time = 0; time < 3; time += 1) await auth('refresh', cookie);
    await auth('refresh', cookieOf(response));
    const [first, ...later] = await eventsOf(server, user.id);
    expect(first).toMatchObject({ type: 'UserRegistered' });
    expect(later).toEqual([
      expect.objectContaining({ type: 'RefreshTokenReused', data: { sessionId: session } }),
    ]);
    expect(later[0]!.meta.actorId).toBe('sessions');
  });

  test('used twice is recorded at the next start, if the process died before it was', async () => {
    const { path: directory, remove } = temporaryPlace();
    const first = await startServer({ directory });
    const { cookie, user } = await signUp(first.url);
    await first.stop();
    const id = cookie.split('=')[1]!.split('.')[0]!;
    const ended = `ended_at = '${new Date().toISOString()}', was_reused = TRUE`;
    await first.run('vault', `UPDATE sessions SET ${ended} WHERE id = '${id}'`);
    for (let start = 0; start < 2; start += 1) {
      const next = await startServer({ directory });
      const types = (await eventsOf(next, user.id)).map(({ type }) => type);
      expect(types).toEqual(['UserRegistered', 'RefreshTokenReused']);
      await next.stop();
    }
    await remove();
  });

  test('used by five at once lets in one at most', async () => {
    const { cookie } = await signUp(server.url);
    const responses = await Promise.all(Array.from({ length: 5 }, () => auth('refresh', cookie)));
    expect(responses.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(responses.filter(({ status }) => status === 401)).toHaveLength(4);
  });

  test.each([
    ['missing', () => undefined],
    ['empty', () => 'refold_refresh='],
    ['nonsense', () => 'refold_refresh=nonsense'],
    ['altered', () => `${ada.cookie.slice(0, -2)}AA`],
    [
      'of another session',
      () => ada.cookie.replace(/=[^.]*/, '=019aa0c4-7a3e-7000-8000-5b2f3d1c9e10'),
    ],
    ['an access token', () => `refold_refresh=${ada.accessToken}`],
  ])('that is %s is refused', async (_, make) => {
    await expectSignedOut(await auth('refresh', make()));
    expect((await profile(ada.accessToken)).status).toBe(200);
  });
});

describe('signing out', () => {
  test.each([
    ['with the token', ({ accessToken: token }: typeof ada) => ({ token })],
    ['with the cookie', ({ cookie }: typeof ada) => ({ headers: { cookie } })],
  ])('%s ends the session at once', async (_, proof) => {
    const grace = await signUp(server.url);
    const other = await signIn(server.url, grace.email);
    expect((await profile(grace.accessToken)).status).toBe(200);
    const response = await send(server.url, 'POST /auth/logout', proof(grace));
    expect(response.status).toBe(204);
    await expectSignedOut(await profile(grace.accessToken));
    await expectSignedOut(await auth('refresh', grace.cookie));
    expect((await profile(other.accessToken)).status).toBe(200);
    expect((await auth('refresh', other.cookie)).status).toBe(200);
  });

  test('takes the cookie away', async () => {
    const { cookie } = await signUp(server.url);
    const response = await auth('logout', cookie);
    expect(response.headers.get('set-cookie')).toMatch(/^refold_refresh=;.*Max-Age=0/);
  });

  test('is for those who are signed in', async () => {
    await expectSignedOut(await auth('logout'));
    await expectSignedOut(await auth('logout', 'refold_refresh=nonsense'));
  });

  test('lasts through a restart; who stayed stays signed in', async () => {
    const { path: directory, remove } = temporaryPlace();
    const before = await startServer({ directory });
    const [gone, stayed] = [await signUp(before.url), await signUp(before.url)];
    await auth('logout', gone.cookie, before.url);
    await before.stop();
    const after = await startServer({ directory });
    await expectSignedOut(await profile(gone.accessToken, after.url));
    expect((await profile(stayed.accessToken, after.url)).status).toBe(200);
    expect((await auth('refresh', stayed.cookie, after.url)).status).toBe(200);
    await after.stop();
    await remove();
  });
});

describe('changing the password', () => {
  test('ends every other session and keeps this one', async () => {
    const here = await signUp(server.url);
    const there = await signIn(server.url, here.email);
    const passwords = { currentPassword: testPassword, newPassword: 'another long password' };
    expect((await here.client.profile.password.post(passwords)).status).toBe(204);
    expect((await profile(here.accessToken)).status).toBe(200);
    expect((await auth('refresh', here.cookie)).status).toBe(200);
    await expectSignedOut(await profile(there.accessToken));
    await expectSignedOut(await auth('refresh', there.cookie));
  });
});

describe('rotating the secret', () => {
  test('lets in the tokens of the old one, until it is taken away', async () => {
    const { path: directory, remove } = temporaryPlace();
    const start = (jwt: readonly string[]) =>
      startServer({ directory, secrets: { ...others, jwt } });
    const first = await start([oldSecret]);
    const grace = await signUp(first.url);
    await first.stop();
    const second = await start([secret, oldSecret]);
    expect((await profile(grace.accessToken, second.url)).status).toBe(200);
    const { accessToken } = await signIn(second.url, grace.email);
    await second.stop();
    const third = await start([secret]);
    await expectSignedOut(await profile(grace.accessToken, third.url));
    expect((await profile(accessToken, third.url)).status).toBe(200);
    await third.stop();
    await remove();
  });
});

answers.testsThatAllAreAsDeclared(() => server.url);
