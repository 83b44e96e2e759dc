// What no well-meaning client sends, at every place where something is taken.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { png } from '../../src/testing/image-bytes.ts';
import { signUp, startServer, type TestServer, testPassword } from '../../src/testing/server.ts';
import { watchAnswers } from './declared.ts';
import { exchange, expectProblem, newEmail, newSku, send } from './requests.ts';

const answers = watchAnswers();
let server: TestServer;
let ada: Awaited<ReturnType<typeof signUp>>;

beforeAll(async () => {
  server = await startServer();
  ada = await signUp(server.url);
});
afterAll(() => server.stop());

function ask(route: `${string} /${string}`, sent: Parameters<typeof send>[2] = {}) {
  return send(server.url, route, { token: ada.accessToken, ...sent });
}

const headers = { 'content-type': 'application/json' };

const image = { body: png(), headers: { 'content-type': 'image/png' } };

/** As text, since some of it could not be made from an object. */
const asText = (body: string) => ({ body, headers });

const commands = [
  ['POST /auth/register', { email: 'EMAIL', name: 'Ada', password: testPassword }],
  ['POST /auth/login', { email: 'EMAIL', password: testPassword }],
  ['PATCH /profile', { name: 'Ada' }],
  ['POST /profile/password', { currentPassword: testPassword, newPassword: 'another long one' }],
  ['POST /products', { name: 'Mug', price: 1, sku: 'SKU' }],
  ['POST /chat/lobby/messages', { text: 'Good morning!' }],
] as const;

describe('a field that nobody asked for', () => {
  test.each(commands)('is refused, and inert: %s', async (route, body) => {
    const text = JSON.stringify(body);
    for (const field of ['__proto__', 'constructor', 'prototype', 'role', 'isAdmin', 'id']) {
      const sent = text.replace('{', `{"${field}":{"role":"admin","isAdmin":true},`);
      const { details } = await expectProblem(
        await ask(route, asText(sent)),
        422,
        'VALIDATION_ERROR',
      );
      expect(details.map(({ path }) => path)).toContain(`/${field}`);
    }
    expect(({} as Record<string, unknown>)['isAdmin']).toBeUndefined();
    expect(({} as Record<string, unknown>)['role']).toBeUndefined();
  });

  test.each([
    'sentinel 4711',
    '<script>sentinel4711</script>',
    'sentinel\r\n4711',
    'sentinel/4711',
    '~sentinel4711',
    'x'.repeat(200),
    '\\ud800',
  ])('is not said again where it is no name: %j', async (field) => {
    const name = field === '\\ud800' ? '"\\ud800"' : JSON.stringify(field);
    const sent = `{${name}:1,"name":"Mug","price":1,"sku":"A"}`;
    const problem = await expectProblem(
      await ask('POST /products', asText(sent)),
      422,
      'VALIDATION_ERROR',
    );
    expect(problem.details.map(({ path }) => path)).toEqual(['/body']);
    expect(JSON.stringify(problem)).not.toMatch(/sentinel|4711|xxxx/);
  });

  test('within another is refused too', async () => {
    const sent = '{"name":{"__proto__":{"length":3}},"price":1,"sku":"A"}';
    await expectProblem(await ask('POST /products', asText(sent)), 422, 'VALIDATION_ERROR');
  });

  test('that comes twice counts once', async () => {
    const sku = newSku();
    const sent = `{"name":"Mug","name":"Cup","price":1,"sku":"${sku}"}`;
    const response = await ask('POST /products', asText(sent));
    expect(response.status).toBe(201);
    expect(await response.json()).toMatchObject({ name: 'Cup', sku });
  });
});

describe('a text with what does not belong into one', () => {
  const texts = [
    ['a line break', '\\r\\nset-cookie: a=b'],
    ['a NUL', '\\u0000'],
    ['an escape', '\\u001b[2J'],
    ['half a character', '\\ud800'],
    ['the other half of one', '\\udc00'],
    ['a control character of the second set', '\\u0085'],
  ] as const;
  const places = [
    [
      'POST /auth/register',
      (text: string) =>
        `{"email":"${newEmail()}","name":"Ada${text}","password":"${testPassword}"}`,
      '/name',
    ],
    [
      'POST /auth/register',
      (text: string) =>
        `{"email":"ada${text}@example.com","name":"Ada","password":"${testPassword}"}`,
      '/email',
    ],
    [
      'POST /auth/login',
      (text: string) => `{"email":"ada${text}@example.com","password":"x"}`,
      '/email',
    ],
    ['PATCH /profile', (text: string) => `{"name":"Ada${text}"}`, '/name'],
    [
      'POST /products',
      (text: string) => `{"name":"Mug${text}","price":1,"sku":"${newSku()}"}`,
      '/name',
    ],
    ['POST /products', (text: string) => `{"name":"Mug","price":1,"sku":"A${text}"}`, '/sku'],
  ] as const;
  const cases = texts.flatMap(([what, text]) =>
    places.map(([route, make, place]) => [what, route, place, make(text)] as const),
  );

  test.each(cases)('such as %s is refused by %s at %s', async (_, route, place, body) => {
    const { details } = await expectProblem(
      await ask(route, asText(body)),
      422,
      'VALIDATION_ERROR',
    );
    expect(details.map(({ path }) => path)).toEqual([place]);
  });

  test.each(['\\u0000', '\\u001b', '\\ud800', '\\u0085'])('is no message: %s', async (text) => {
    const response = await ask('POST /chat/lobby/messages', asText(`{"text":"Hello${text}"}`));
    await expectProblem(response, 422, 'VALIDATION_ERROR');
  });

  test('may be a password, as long as it is made of whole characters', async () => {
    const register = (password: string) =>
      send(
        server.url,
        'POST /auth/register',
        asText(`{"email":"${newEmail()}","name":"Ada","password":"${password}"}`),
      );
    expect((await register('tab\\tand\\u0000and\\nbreak')).status).toBe(201);
    await expectProblem(await register('half a character \\ud800'), 422, 'VALIDATION_ERROR');
  });
});

describe('a password', () => {
  test('is the same in any spelling of its characters', async () => {
    const email = newEmail();
    const [composed, decomposed] = [
      'p\u00e4ssw\u00f6rter sind la\u0308nger',
      'pa\u0308sswo\u0308rter sind l\u00e4nger',
    ];
    const json = { email, name: 'Ada', password: composed };
    expect((await send(server.url, 'POST /auth/register', { json })).status).toBe(201);
    const login = { email, password: decomposed };
    expect((await send(server.url, 'POST /auth/login', { json: login })).status).toBe(200);
    const other = { email, password: 'passworter sind langer' };
    expect((await send(server.url, 'POST /auth/login', { json: other })).status).toBe(401);
  });

  test.each(['trustno1', 'iloveyou', 'IloveYou2', 'refold2026'])(
    'cannot be %s',
    async (password) => {
      const json = { email: newEmail(), name: 'Ada', password };
      const { details } = await expectProblem(
        await send(server.url, 'POST /auth/register', { json }),
        422,
        'VALIDATION_ERROR',
      );
      expect(details.map(({ path }) => path)).toEqual(['/password']);
      const change = { currentPassword: testPassword, newPassword: password };
      await expectProblem(
        await ask('POST /profile/password', { json: change }),
        422,
        'VALIDATION_ERROR',
      );
    },
  );

  test('cannot be the address or the name of whoever chooses it', async () => {
    const email = newEmail();
    for (const password of [email, email.toUpperCase(), email.split('@')[0]!, 'Ada Lovelace1815']) {
      const json = { email, name: 'Ada Lovelace', password };
      await expectProblem(
        await send(server.url, 'POST /auth/register', { json }),
        422,
        'VALIDATION_ERROR',
      );
    }
  });

  test('cannot become the address or the name of whoever changes it', async () => {
    const { email, accessToken: token } = await signUp(server.url, { name: 'Ada Lovelace' });
    for (const newPassword of [email, email.split('@')[0]!, 'ada lovelace1815']) {
      const json = { currentPassword: testPassword, newPassword };
      const response = await send(server.url, 'POST /profile/password', { token, json });
      await expectProblem(response, 422, 'VALIDATION_ERROR');
    }
  });
});

describe('an address in the path', () => {
  test.each([
    'Lobby',
    'lobby%20x',
    'lobby%00',
    'lobby%0d%0aset-cookie:a=b',
    'l%C3%B6bby',
    'a'.repeat(65),
    '%F0%9F%A6%89',
    'lobby_',
    '..%2flobby',
  ])('is no room: %s', async (room) => {
    const response = await ask(`GET /chat/${room}/messages`);
    expect([404, 422]).toContain(response.status);
    expect(response.headers.get('set-cookie')).toBeNull();
    expect(await response.text()).not.toMatch(/set-cookie|lobby|Lobby/);
  });

  test.each([
    '%00',
    '%0d%0aset-cookie:a=b',
    '%ED%A0%80',
    "1'%20OR%20'1'='1",
    '__proto__',
    'a'.repeat(64),
  ])('is the id of nothing: %s', async (id) => {
    for (const route of [
      `GET /products/${id}`,
      `GET /products/${id}/history`,
      `PATCH /products/${id}`,
      `DELETE /products/${id}`,
      `PUT /products/${id}/image`,
      `DELETE /products/${id}/image`,
      `DELETE /chat/lobby/messages/${id}`,
      `POST /notifications/${id}/read`,
      `DELETE /profile/sessions/${id}`,
      `DELETE /admin/users/${id}`,
    ] as const) {
      const sent = { PATCH: asText('{"name":"Mug"}'), PUT: image }[route.split(' ')[0]!];
      const response = await ask(route, sent);
      expect([403, 404, 422]).toContain(response.status);
      expect(response.headers.get('set-cookie')).toBeNull();
      expect(await response.text()).not.toMatch(/set-cookie|'='|__proto__|a{20}/);
    }
  });
});

describe('a header', () => {
  const write = (...lines: readonly string[]) =>
    exchange(server.url, 'GET /profile HTTP/1.1', 'host: localhost', ...lines, '', '');

  test.each(['x-request-id: a\u0000b', 'x-request-id: a\u000bb', 'authorization: Bearer a\u0000b'])(
    'with a control character is refused or ignored, and never sent back: %j',
    async (line) => {
      const response = await write(line);
      expect(response.status).toBeOneOf([400, 401]);
      expect(response.headers.get('x-request-id') ?? '').not.toContain('a');
    },
  );

  test.each(['', '[::', 'a b', 'a/b?c=d'])(
    'that names no host keeps nobody from a stream, nor lets anybody in: %j',
    async (host) => {
      const open = (token: string) =>
        exchange(
          server.url,
          `HEAD /events/stream?token=${token} HTTP/1.1`,
          `host: ${host}`,
          'connection: close',
          '',
          '',
        );
      await open(ada.accessToken).then(({ status }) => expect(status).toBe(200));
      await open('nobody').then(({ status }) => expect(status).toBe(401));
    },
  );

  test('cannot be split by what stands in another', async () => {
    const response = await ask('GET /profile', {
      headers: { 'x-request-id': 'a%0d%0aset-cookie: b=c' },
    });
    expect(response.headers.get('set-cookie')).toBeNull();
  });
});

answers.testsThatAllAreAsDeclared(() => server.url);
