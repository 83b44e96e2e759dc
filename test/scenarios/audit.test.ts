// What a whole run of a server writes: who did what, from where; and no secret of anybody.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand } from '../../src/testing/command-line.ts';
import { placeOf } from '../../src/testing/engine.ts';
import {
  signIn,
  signUp,
  spawnServer,
  temporaryPlace,
  testPassword,
} from '../../src/testing/server.ts';
import { openChat, openEventStream } from '../../src/testing/streams.ts';
import { until } from '../../src/testing/until.ts';
import { send } from '../http/requests.ts';

setDefaultTimeout(60_000);

type Line = Readonly<Record<string, unknown>>;

const directory = temporaryPlace();
const from = '198.51.100.7';
const wrong = 'a-wrong-password-4711';
const second = 'another long password';
const madeUp = 'sentinel-of-what-was-sent-4711';
const metricsToken = 'a token for the metrics, of 33';
let server: Awaited<ReturnType<typeof spawnServer>>;
let ada: Awaited<ReturnType<typeof signUp>>;
let bob: Awaited<ReturnType<typeof signUp>>;
let eve: Awaited<ReturnType<typeof signUp>>;
const secrets: string[] = [];
const requestId = (name: string) => `audit-${name}`;

/** A request that comes through the proxy on this machine, with an id to find it by. */
function ask(name: string, route: `${string} /${string}`, sent: Parameters<typeof send>[2] = {}) {
  const headers = { 'x-forwarded-for': from, 'x-request-id': requestId(name), ...sent.headers };
  return send(server.url, route, { ...sent, headers });
}

function keep<Held extends { readonly accessToken: string; readonly cookie: string }>(held: Held) {
  const [session, token, signature] = held.cookie.split('=')[1]!.split('.');
  secrets.push(held.accessToken, held.accessToken.split('.')[2]!, token!, signature!);
  expect(session).toBeString();
  return held;
}

beforeAll(async () => {
  server = await spawnServer(directory.path, {
    LOG_LEVEL: 'trace',
    TRUSTED_PROXIES: '127.0.0.0/8,::1',
    RATE_LIMIT_PASSWORDS: '3',
    METRICS_TOKEN: metricsToken.replaceAll(' ', '-'),
  });
  ada = keep(await signUp(server.url, { name: 'Ada Of The Audit' }));
  bob = keep(await signUp(server.url, { name: 'Bob Of The Audit' }));
  eve = keep(await signUp(server.url, { name: 'Eve Of The Audit' }));
  await makeAdmin(ada.email);
  ada = { ...ada, ...keep(await signIn(server.url, ada.email)) };
  await everything();
});
afterAll(async () => {
  server.child.kill();
  await server.child.exited;
  await directory.remove();
});

async function makeAdmin(email: string) {
  const made = await runCommand(['admin:create', '--email', email], { directory: directory.path });
  expect(made).toMatchObject({ exitCode: 0 });
}

/** Everything that has to do with secrets, right and wrong. */
async function everything() {
  const [{ accessToken: token }, { accessToken: bobs }] = [ada, bob];
  const json = { email: bob.email, password: wrong };
  const unknown = { email: 'nobody-of-the-audit@example.com', password: wrong };
  await ask('unknown', 'POST /auth/login', { json: unknown });
  for (const name of ['wrong', 'wrong-2', 'wrong-3']) await ask(name, 'POST /auth/login', { json });
  await ask('limited', 'POST /auth/login', { json });
  await ask('login', 'POST /auth/login', { json: { email: ada.email, password: testPassword } });
  await ask('malformed', 'POST /auth/login', { json: { email: madeUp, password: [madeUp] } });
  await ask('broken', 'POST /auth/register', {
    body: `{"password":"${madeUp}"`,
    headers: { 'content-type': 'application/json' },
  });
  await ask('anonymous', 'GET /profile');
  await ask('forged', 'GET /profile', { token: `${token}x` });
  await ask('forbidden', 'GET /admin/users', { token: bobs });
  await ask('metrics', 'GET /metrics', { token: madeUp });
  const change = { currentPassword: testPassword, newPassword: second };
  expect((await ask('password', 'POST /profile/password', { token, json: change })).status).toBe(
    204,
  );
  const refreshed = await refresh('refresh', eve.cookie);
  await refresh('refresh-again', refreshed.cookie);
  expect(
    (await ask('reuse', 'POST /auth/refresh', { headers: { cookie: eve.cookie } })).status,
  ).toBe(401);
  const role = { token, json: { role: 'moderator' } };
  await ask('role', `PATCH /admin/users/${bob.user.id}/role`, role);
  await ask('logout', 'POST /auth/logout', { token: bobs });
  await follow(token);
  await ask('erase', `DELETE /admin/users/${eve.user.id}`, { token });
  secrets.push(
    ...Object.values(
      JSON.parse(readFileSync(join(directory.path, 'secrets.json'), 'utf8')) as Record<
        string,
        string[]
      >,
    ).flat(),
  );
  await until(() => lines().some((line) => line['requestId'] === requestId('erase')));
}

async function refresh(name: string, cookie: string) {
  const response = await ask(name, 'POST /auth/refresh', { headers: { cookie } });
  const { accessToken } = (await response.json()) as { accessToken: string };
  return keep({ accessToken, cookie: response.headers.get('set-cookie')!.split(';')[0]! });
}

/** Streams and sockets are opened by what stands in an address. */
async function follow(token: string) {
  const ticket = await ask('ticket', 'POST /auth/ticket', { token });
  const { ticket: first } = (await ticket.json()) as { ticket: string };
  secrets.push(first);
  await ask('by-ticket', `GET /events/stream?token=${first}`).then(({ body }) => body?.cancel());
  await ask('by-ticket-again', `GET /events/stream?token=${first}`);
  const stream = await openEventStream(server.url, { token, path: '/events/stream', after: 0 });
  await stream.cut();
  const chat = openChat(server.url, { room: 'lobby', token, after: 0 });
  await chat.received('presence', 1);
  await chat.leave();
}

const lines = (): Line[] =>
  server
    .log()
    .split('\n')
    .filter((line) => line.startsWith('{') && line.endsWith('}'))
    .map((line) => JSON.parse(line) as Line);

const audited = (name: string) =>
  lines().filter((line) => line['msg'] === 'audit' && line['requestId'] === requestId(name));

describe('the audit', () => {
  test.each([
    [
      'a sign-in',
      'login',
      { audit: 'sign-in', outcome: 'done', status: 200, actorId: () => ada.user.id },
    ],
    [
      'a wrong password',
      'wrong',
      { audit: 'sign-in', outcome: 'refused', status: 401, accountId: () => bob.user.id },
    ],
    [
      'an address that nobody has',
      'unknown',
      { audit: 'sign-in', outcome: 'refused', status: 401 },
    ],
    ['guesses that are limited', 'limited', { audit: 'sign-in', outcome: 'refused', status: 429 }],
    ['a stranger', 'anonymous', { audit: 'refusal', status: 401, path: '/profile' }],
    ['a forged token', 'forged', { audit: 'refusal', status: 401, path: '/profile' }],
    ['a ticket that comes twice', 'by-ticket-again', { audit: 'refusal', status: 401 }],
    [
      'a user where only admins may be',
      'forbidden',
      { audit: 'refusal', status: 403, path: '/admin/users' },
    ],
    ['a stranger at the metrics', 'metrics', { audit: 'refusal', status: 401, path: '/metrics' }],
    [
      'a new password',
      'password',
      { audit: 'password-change', outcome: 'done', actorId: () => ada.user.id },
    ],
    ['a refresh', 'refresh', { audit: 'refresh', outcome: 'done', actorId: () => eve.user.id }],
    [
      'a refresh token that comes twice',
      'reuse',
      { audit: 'token-reuse', outcome: 'refused', accountId: () => eve.user.id },
    ],
    [
      'a change of role',
      'role',
      {
        audit: 'admin-act',
        outcome: 'done',
        actorId: () => ada.user.id,
        path: () => `/admin/users/${bob.user.id}/role`,
      },
    ],
    ['a sign-out', 'logout', { audit: 'sign-out', outcome: 'done', actorId: () => bob.user.id }],
    [
      'an erasure',
      'erase',
      {
        audit: 'erasure',
        outcome: 'done',
        actorId: () => ada.user.id,
        path: () => `/admin/users/${eve.user.id}`,
      },
    ],
  ] as const)('has a line for %s, with the address and the request', (_, name, facts) => {
    const wanted = Object.entries(facts).map(([key, value]) => [
      key,
      typeof value === 'function' ? value() : value,
    ]);
    expect(audited(name)).toEqual([
      expect.objectContaining({
        address: from,
        time: expect.any(String),
        ...Object.fromEntries(wanted),
      }),
    ]);
  });

  test('has none for what anybody may do', () => {
    expect(audited('ticket')).toEqual([]);
  });
});

describe('the log of a whole run', () => {
  test('holds no password, token, ticket, key, cookie, hash, name or address of anybody', async () => {
    const log = server.log();
    expect(lines().length).toBeGreaterThan(40);
    const vault = await (await placeOf(directory.path)).connect('vault');
    const kept = [
      ...(await vault.run('SELECT password_hash FROM credentials')),
      ...(await vault.run('SELECT refresh_hash FROM sessions')),
      ...(await vault.run('SELECT wrapped_key FROM persons')),
      ...(await vault.run('SELECT wrapped FROM secrets')),
    ].flatMap((row) => Object.values(row) as string[]);
    await vault.close();
    const persons = [ada, bob, eve].flatMap(({ email, user }) => [email, user.name]);
    const typed = [
      testPassword,
      wrong,
      second,
      madeUp,
      metricsToken.replaceAll(' ', '-'),
      'nobody-of-the-audit',
    ];
    const all = [...secrets, ...kept, ...persons, ...typed];
    expect(all.length).toBeGreaterThan(25);
    expect(all.every((secret) => secret.length > 8)).toBe(true);
    expect(all.filter((secret) => log.includes(secret))).toEqual([]);
  });
});
