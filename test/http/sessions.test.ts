// Sessions as their owner sees them: listed and ended one by one, prolonged to a limit, and taken up again when an
// answer was lost.
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { signIn, signUp, startServer, type TestServer } from '../../src/testing/server.ts';
import { openEventStream } from '../../src/testing/streams.ts';
import { watchAnswers } from './declared.ts';
import { expectProblem, isoTime, send, uuid7 } from './requests.ts';

type Session = {
  readonly id: string;
  readonly createdAt: string;
  readonly lastUsedAt: string;
  readonly expiresAt: string;
  readonly userAgent: string | null;
  readonly current: boolean;
};
type Page = { readonly data: Session[]; readonly total: number; readonly pages: number };

const answers = watchAnswers();
const dayMs = 24 * 60 * 60 * 1_000;
const atOnce = 20;
let server: TestServer;
let patient: TestServer;

beforeAll(async () => {
  server = await startServer({ corsOrigins: ['https://app.example'] });
  patient = await startServer({ refreshGraceSeconds: 30 });
});
afterAll(async () => {
  await server.stop();
  await patient.stop();
});

const profile = (token: string, { url } = server) => send(url, 'GET /profile', { token });

const refresh = (cookie: string, { url } = server, headers: Record<string, string> = {}) =>
  send(url, 'POST /auth/refresh', { headers: { cookie, ...headers } });

const logout = (cookie: string, headers: Record<string, string>) =>
  send(server.url, 'POST /auth/logout', { headers: { cookie, ...headers } });

const cookieOf = (response: Response) =>
  response.headers.get('set-cookie')?.split(';')[0] ?? 'no cookie';

const idOf = ({ cookie }: { readonly cookie: string }) => cookie.split('=')[1]!.split('.')[0]!;

async function list(token: string, query = ''): Promise<Page> {
  const response = await send(server.url, `GET /profile/sessions${query}`, { token });
  expect(response.status).toBe(200);
  return (await response.json()) as Page;
}

const end = (token: string, id: string) =>
  send(server.url, `DELETE /profile/sessions/${id}`, { token });

const store = ({ run }: TestServer, cookie: string, change: string) =>
  run('vault', `UPDATE sessions SET ${change} WHERE id = '${idOf({ cookie })}'`);

const ago = (ms: number) => new Date(Date.now() - ms).toISOString();

describe('the sessions of a user', () => {
  test('are listed with when and with what they began, and which one asks', async () => {
    const ada = await signUp(server.url);
    const json = { email: ada.email, password: 'a long enough password' };
    const headers = { 'user-agent': 'Test/1.0 (of the list)' };
    const login = await send(server.url, 'POST /auth/login', { json, headers });
    const there = idOf({ cookie: cookieOf(login) });
    const { data, ...page } = await list(ada.accessToken);
    expect(page).toEqual({ total: 2, page: 1, pages: 1 } as never);
    expect(data.map(({ id, current }) => [id, current])).toEqual([
      [there, false],
      [idOf(ada), true],
    ]);
    expect(data[0]).toEqual({
      id: expect.stringMatching(uuid7),
      createdAt: expect.stringMatching(isoTime),
      lastUsedAt: data[0]!.createdAt,
      expiresAt: new Date(Date.parse(data[0]!.createdAt) + 7 * dayMs).toISOString(),
      userAgent: 'Test/1.0 (of the list)',
      current: false,
    });
  });

  test('are used when they are refreshed', async () => {
    const ada = await signUp(server.url);
    await store(server, ada.cookie, `started_at = '${ago(dayMs)}'`);
    await signIn(server.url, ada.email);
    expect((await list(ada.accessToken)).data[0]).toMatchObject({ current: false });
    await refresh(ada.cookie);
    const [first] = (await list(ada.accessToken)).data;
    expect(first).toMatchObject({ id: idOf(ada), current: true });
    expect(Date.parse(first!.lastUsedAt) - Date.parse(first!.createdAt)).toBeGreaterThan(dayMs / 2);
  });

  test('come in pages', async () => {
    const ada = await signUp(server.url);
    await signIn(server.url, ada.email);
    await signIn(server.url, ada.email);
    expect(await list(ada.accessToken, '?page=2&limit=2')).toEqual({
      data: [expect.objectContaining({ id: idOf(ada) })],
      total: 3,
      page: 2,
      pages: 2,
    } as never);
    const wrong = await send(server.url, 'GET /profile/sessions?limit=101', {
      token: ada.accessToken,
    });
    await expectProblem(wrong, 422, 'VALIDATION_ERROR');
  });

  test('tell what they began with in printable characters, no more than 200', async () => {
    const ada = await signUp(server.url);
    const json = { email: ada.email, password: 'a long enough password' };
    for (const [given, told] of [
      [`${'x'.repeat(300)}`, 'x'.repeat(200)],
      ['caf\u00e9\tbar', 'cafbar'],
    ] as const) {
      await send(server.url, 'POST /auth/login', { json, headers: { 'user-agent': given } });
      expect((await list(ada.accessToken)).data[0]!.userAgent).toBe(told);
    }
  });

  test('lie in the vault without a word of it, and without a token', async () => {
    const ada = await signUp(server.url);
    const json = { email: ada.email, password: 'a long enough password' };
    const headers = { 'user-agent': 'Telltale/1.0' };
    const login = await send(server.url, 'POST /auth/login', { json, headers });
    const [id, token] = cookieOf(login).split('=')[1]!.split('.') as [string, string];
    const rows = await server.run('vault', `SELECT * FROM sessions WHERE id = '${id}'`);
    const text = JSON.stringify(rows);
    expect(Buffer.from(token, 'base64url')).toHaveLength(32);
    expect(text).toContain(createHash('sha256').update(token).digest('base64url'));
    for (const word of ['Telltale', token, '127.0.0.1']) expect(text).not.toContain(word);
  });

  test('are for their owner', async () => {
    const [ada, eve] = [await signUp(server.url), await signUp(server.url)];
    expect((await list(eve.accessToken)).data.map(({ id }) => id)).toEqual([idOf(eve)]);
    await expectProblem(await end(eve.accessToken, idOf(ada)), 404, 'NOT_FOUND');
    expect((await profile(ada.accessToken)).status).toBe(200);
    expect((await refresh(ada.cookie)).status).toBe(200);
    for (const route of ['GET /profile/sessions', `DELETE /profile/sessions/${idOf(ada)}`]) {
      await expectProblem(await send(server.url, route as 'GET /'), 401, 'UNAUTHORIZED');
    }
  });
});

describe('ending a session', () => {
  test('ends its access tokens, its refresh token and its streams at once, and no other', async () => {
    const here = await signUp(server.url);
    const there = await signIn(server.url, here.email);
    expect((await profile(there.accessToken)).status).toBe(200);
    const stream = await openEventStream(server.url, { token: there.accessToken });
    expect(stream.response.status).toBe(200);
    const response = await end(here.accessToken, idOf(there));
    expect([response.status, await response.text()]).toEqual([204, '']);
    await expectProblem(await profile(there.accessToken), 401, 'UNAUTHORIZED');
    await expectProblem(await refresh(there.cookie), 401, 'UNAUTHORIZED');
    expect(await stream.ended).toBe('ended');
    expect((await list(here.accessToken)).data.map(({ id }) => id)).toEqual([idOf(here)]);
    expect((await refresh(here.cookie)).status).toBe(200);
  });

  test('is no reason for a notification', async () => {
    const here = await signUp(server.url);
    const there = await signIn(server.url, here.email);
    await end(here.accessToken, idOf(there));
    await refresh(there.cookie);
    await server.reactedToAll();
    expect((await here.client.notifications.get({ query: {} as never })).data?.total).toBe(0);
  });

  test('may be the one that asks', async () => {
    const ada = await signUp(server.url);
    expect((await end(ada.accessToken, idOf(ada))).status).toBe(204);
    await expectProblem(await profile(ada.accessToken), 401, 'UNAUTHORIZED');
  });

  test.each([
    [
      'has ended already',
      async (here: Opened) => {
        const there = await signIn(server.url, here.email);
        await end(here.accessToken, idOf(there));
        return idOf(there);
      },
    ],
    ['never was', async () => '019aa0c4-7a3e-7000-8000-5b2f3d1c9e10'],
    ['is none', async () => 'nonsense'],
    ['is a NUL', async () => '%00'],
  ] as const)('that %s is refused', async (_, idFor) => {
    const here = await signUp(server.url);
    const response = await end(here.accessToken, await idFor(here));
    await expectProblem(response, 404, 'NOT_FOUND');
    expect((await profile(here.accessToken)).status).toBe(200);
  });
});

type Opened = Awaited<ReturnType<typeof signUp>>;

describe('a session that is used again and again', () => {
  test('ends thirty days after it began, and its cookie says so', async () => {
    const { cookie } = await signUp(server.url);
    const [vault] = await server.run(
      'vault',
      `SELECT started_at, ends_at FROM sessions WHERE id = '${idOf({ cookie })}'`,
    );
    const { started_at: startedAt, ends_at: endsAt } = vault as Record<string, string>;
    expect(Date.parse(endsAt!) - Date.parse(startedAt!)).toBe(30 * dayMs);
    await store(server, cookie, `ends_at = '${ago(-dayMs)}'`);
    const response = await refresh(cookie);
    expect(response.status).toBe(200);
    const maxAge = Number(/Max-Age=(\d+)/.exec(response.headers.get('set-cookie')!)![1]);
    expect(maxAge * 1_000).toBeWithin(dayMs - 60_000, dayMs + 1);
    await store(server, cookie, `expires_at = '${ago(1)}'`);
    await expectProblem(await refresh(cookieOf(response)), 401, 'UNAUTHORIZED');
  });
});

describe('within the grace, a refresh token whose answer was lost', () => {
  test('is taken again, and a session goes on', async () => {
    const { cookie, client } = await signUp(patient.url);
    const lost = await refresh(cookie, patient);
    const again = await refresh(cookie, patient);
    expect([lost.status, again.status]).toEqual([200, 200]);
    const { accessToken } = (await again.json()) as { accessToken: string };
    expect((await profile(accessToken, patient)).status).toBe(200);
    expect((await refresh(cookieOf(again), patient)).status).toBe(200);
    await patient.reactedToAll();
    expect((await client.notifications.get({ query: {} as never })).data?.total).toBe(0);
  });

  test('ends its family when both answers are used: one of them was stolen', async () => {
    const { cookie, email } = await signUp(patient.url);
    const stolen = await refresh(cookie, patient);
    const again = await refresh(cookie, patient);
    const tokens = await Promise.all(
      [stolen, again].map(async (one) => (await one.json()) as { accessToken: string }),
    );
    await expectProblem(await refresh(cookieOf(stolen), patient), 401, 'UNAUTHORIZED');
    await expectProblem(await refresh(cookieOf(again), patient), 401, 'UNAUTHORIZED');
    for (const { accessToken } of tokens) {
      await expectProblem(await profile(accessToken, patient), 401, 'UNAUTHORIZED');
    }
    expect(await kindsOf(patient, email)).toEqual(['token-reused']);
  });

  test('ends its family once the grace is over', async () => {
    const { cookie, email } = await signUp(patient.url);
    const first = await refresh(cookie, patient);
    await store(patient, cookie, `rotated_at = '${ago(31_000)}'`);
    await expectProblem(await refresh(cookie, patient), 401, 'UNAUTHORIZED');
    await expectProblem(await refresh(cookieOf(first), patient), 401, 'UNAUTHORIZED');
    expect(await kindsOf(patient, email)).toEqual(['token-reused']);
  });
});

describe(`a refresh token that is used ${atOnce} times at once`, () => {
  const living = async (responses: readonly Response[], at: TestServer) => {
    let count = 0;
    for (const response of responses.filter(({ status }) => status === 200)) {
      if ((await refresh(cookieOf(response), at)).status === 200) count += 1;
    }
    return count;
  };
  const useAtOnce = (cookie: string, at: TestServer) =>
    Promise.all(Array.from({ length: atOnce }, () => refresh(cookie, at)));

  test('lets one in at most, leaves none alive, and its owner is told once', async () => {
    const { cookie, email } = await signUp(server.url);
    const responses = await useAtOnce(cookie, server);
    expect(responses.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(await living(responses, server)).toBe(0);
    expect(await kindsOf(server, email)).toEqual(['token-reused']);
  });

  test('within the grace leaves one alive at most', async () => {
    const { cookie } = await signUp(patient.url);
    const responses = await useAtOnce(cookie, patient);
    expect(responses.filter(({ status }) => status === 200)).toHaveLength(atOnce);
    expect(await living(responses, patient)).toBeLessThanOrEqual(1);
  });
});

/** The kinds of the notifications that somebody has, whose sessions may all have ended. */
async function kindsOf(at: TestServer, email: string): Promise<string[]> {
  await at.reactedToAll();
  const { client } = await signIn(at.url, email);
  const { data } = await client.notifications.get({ query: {} as never });
  return data!.data.map(({ kind }) => kind);
}

describe('refreshing and signing out', () => {
  const host = () => new URL(server.url).host;
  const strangers: (readonly [string, () => Record<string, string>])[] = [
    ['another origin', () => ({ origin: 'https://evil.example' })],
    ['an origin of no name', () => ({ origin: 'null' })],
    ['another site', () => ({ 'sec-fetch-site': 'cross-site' })],
    ['a neighbour in the same domain', () => ({ 'sec-fetch-site': 'same-site' })],
    [
      'a neighbour who says so',
      () => ({ 'sec-fetch-site': 'same-site', origin: `https://${host()}` }),
    ],
    [
      'another origin that claims to be ours',
      () => ({ 'sec-fetch-site': 'same-origin', origin: 'https://evil.example' }),
    ],
    ['nobody knows where', () => ({ 'sec-fetch-site': 'else' })],
  ];
  const friends: (readonly [string, () => Record<string, string>])[] = [
    ['a program that is no browser', () => ({})],
    [
      'a page of this server',
      () => ({ origin: `http://${host()}`, 'sec-fetch-site': 'same-origin' }),
    ],
    ['a page behind TLS', () => ({ origin: `https://${host()}` })],
    ['the user alone', () => ({ 'sec-fetch-site': 'none' })],
    [
      'an origin that is allowed',
      () => ({ origin: 'https://app.example', 'sec-fetch-site': 'same-site' }),
    ],
  ];

  test.each(strangers)('from %s are refused, and change nothing', async (_, headersOf) => {
    const { cookie, accessToken } = await signUp(server.url);
    for (const action of [refresh(cookie, server, headersOf()), logout(cookie, headersOf())]) {
      const response = await action;
      expect(response.headers.get('set-cookie')).toBeNull();
      await expectProblem(response, 403, 'FORBIDDEN');
    }
    expect((await profile(accessToken)).status).toBe(200);
    expect((await refresh(cookie)).status).toBe(200);
  });

  test.each(friends)('from %s are answered', async (_, headersOf) => {
    const { cookie } = await signUp(server.url);
    const refreshed = await refresh(cookie, server, headersOf());
    expect(refreshed.status).toBe(200);
    expect((await logout(cookieOf(refreshed), headersOf())).status).toBe(204);
  });
});

answers.testsThatAllAreAsDeclared(() => server.url);
