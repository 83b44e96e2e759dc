import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { productStream } from '../../src/events/products.ts';
import { signUp, startServer, type TestServer } from '../../src/testing/server.ts';
import { watchAnswers } from './declared.ts';
import { exchange, expectProblem, newSku, send, uuid7 } from './requests.ts';

const answers = watchAnswers();
const bytesMax = 1_048_576;
const json = 'content-type: application/json';
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

/** A request written by hand, as Ada. */
function write(requestLine: string, ...rest: readonly string[]) {
  const signed = `authorization: Bearer ${ada.accessToken}`;
  return exchange(server.url, `${requestLine} HTTP/1.1`, signed, ...rest);
}

const newProduct = () => ({ name: 'Mug', price: 1, sku: newSku() });

describe('an address that is not there', () => {
  test.each([
    'GET /nothing',
    'POST /nothing',
    'DELETE /products/1/history/2',
    'GET /PRODUCTS',
    'GET /products;a=b',
    'GET /docs/other',
    'GET /..%2f..%2fetc/passwd',
    'GET /%',
    'GET /%00',
  ] as const)('is not found: %s', async (route) => {
    await expectProblem(await ask(route), 404, 'NOT_FOUND');
  });

  test.each(['%', '%00', '%E0%A4%A', '%2F', '..', '__proto__', 'constructor', "'; DROP TABLE x"])(
    'is not found where an id is %p',
    async (id) => {
      const path = `/products/${id.replaceAll(' ', '%20')}`;
      await expectProblem(await write(`GET ${path}`, 'host: localhost', '', ''), 404, 'NOT_FOUND');
    },
  );

  test('is not found under a host of one letter, as under any', async () => {
    await expectProblem(await write('GET /nothing', 'host: x', '', ''), 404, 'NOT_FOUND');
  });

  test('says so of an id that is too long', async () => {
    await expectProblem(await ask(`GET /products/${'a'.repeat(65)}`), 422, 'VALIDATION_ERROR');
  });
});

describe('an address asked with a method it does not answer to', () => {
  test.each([
    ['PUT /products', ['GET', 'HEAD', 'POST']],
    ['OPTIONS /products', ['GET', 'HEAD', 'POST']],
    ['POST /products/1', ['DELETE', 'GET', 'HEAD', 'PATCH']],
    ['GET /auth/login', ['POST']],
    ['DELETE /health', ['GET', 'HEAD']],
    ['PUT /admin/users/1/role', ['PATCH']],
  ] as const)('names those it does: %s', async (route, methods) => {
    const response = await ask(route);
    const allowed = response.headers.get('allow')?.split(', ').toSorted();
    await expectProblem(response, 405, 'METHOD_NOT_ALLOWED');
    expect(allowed).toEqual([...methods]);
  });

  test('names them under a host of one letter, too', async () => {
    const response = await write('PUT /products', 'host: x', 'content-length: 0', '', '');
    expect(response.headers.get('allow')).toContain('POST');
    await expectProblem(response, 405, 'METHOD_NOT_ALLOWED');
  });
});

describe('a body that cannot be read', () => {
  const headers = { 'content-type': 'application/json' };

  test.each(['{', 'null,', "{'a': 1}", 'undefined', '[1,]', '['.repeat(99)])(
    'is refused: %s',
    async (body) => {
      await expectProblem(await ask('POST /products', { body, headers }), 400, 'BAD_REQUEST');
      const anyone = await send(server.url, 'POST /auth/login', { body, headers });
      await expectProblem(anyone, 400, 'BAD_REQUEST');
    },
  );

  test('is refused when it is not UTF-8', async () => {
    const text = JSON.stringify({ ...newProduct(), name: 'Caf\u00e9' });
    const body = Buffer.from(text, 'latin1');
    await expectProblem(await ask('POST /products', { body, headers }), 400, 'BAD_REQUEST');
  });

  test.each(['null', '[]', '"text"', '7', 'true'])('is not what it must be: %s', async (body) => {
    await expectProblem(await ask('POST /products', { body, headers }), 422, 'VALIDATION_ERROR');
  });

  test('is missing', async () => {
    await expectProblem(await ask('POST /products'), 422, 'VALIDATION_ERROR');
  });
});

describe('a body of another kind', () => {
  test.each([
    ['a form', new URLSearchParams({ name: 'Mug' }), undefined],
    ['multipart', multipart(), undefined],
    ['text', '{"name":"Mug"}', 'text/plain'],
    ['XML', '<product/>', 'application/xml'],
    ['XML as text', '<product/>', 'text/xml'],
    ['bytes', '{}', 'application/octet-stream'],
    ['something that only starts like JSON', '{}', 'application/jsonp'],
  ])('is refused: %s', async (_, body, type) => {
    const headers = type === undefined ? {} : { 'content-type': type };
    for (const route of ['POST /products', 'POST /auth/register', 'PATCH /profile'] as const) {
      const response = await ask(route, { body, headers });
      await expectProblem(response, 415, 'UNSUPPORTED_MEDIA_TYPE');
    }
  });

  test('is refused when its type is not told', async () => {
    const head = ['host: localhost', 'content-length: 2', '', '{}'];
    const response = await write('POST /products', ...head);
    await expectProblem(response, 415, 'UNSUPPORTED_MEDIA_TYPE');
  });

  test.each(['application/json; charset=utf-8', 'Application/JSON', 'application/json ;a=b'])(
    'is not JSON in another spelling: %s is taken',
    async (type) => {
      const body = JSON.stringify(newProduct());
      const response = await ask('POST /products', { body, headers: { 'content-type': type } });
      expect(response.status).toBe(201);
    },
  );
});

describe('a body that is too large', () => {
  test('is refused at its announcement, before it is sent', async () => {
    const length = `content-length: ${bytesMax + 1}`;
    const response = await write('POST /products', 'host: localhost', json, length, '', '{"a"');
    await expectProblem(response, 413, 'PAYLOAD_TOO_LARGE');
  });

  test('is refused in chunks as soon as it is too large, before it ends', async () => {
    const chunk = `10000\r\n${'x'.repeat(65_536)}`;
    const chunks = Array.from({ length: 17 }, () => chunk);
    const head = ['host: localhost', json, 'transfer-encoding: chunked', ''];
    const response = await write('POST /products', ...head, ...chunks, '');
    await expectProblem(response, 413, 'PAYLOAD_TOO_LARGE');
  });

  test('is not one of exactly 1 MiB, announced or in chunks', async () => {
    const body = JSON.stringify({ a: '' });
    const full = body.replace('""', `"${'x'.repeat(bytesMax - body.length)}"`);
    expect(full).toHaveLength(bytesMax);
    const headers = { 'content-type': 'application/json' };
    const announced = await ask('POST /products', { body: full, headers });
    await expectProblem(announced, 422, 'VALIDATION_ERROR');
    const chunked = ['transfer-encoding: chunked', '', bytesMax.toString(16), full, '0', '', ''];
    const response = await write('POST /products', 'host: localhost', json, ...chunked);
    await expectProblem(response, 422, 'VALIDATION_ERROR');
  });
});

describe('a request that is not as it must be', () => {
  const secret = 'sentinel-4711';

  test.each([
    ['POST /auth/register', { email: secret, name: `${secret}\n`, password: 7 }],
    ['POST /auth/register', { email: 7, name: [secret], password: { secret } }],
    ['POST /auth/login', { email: secret, password: [secret] }],
    ['POST /products', { name: [secret], price: secret, sku: { secret } }],
    ['POST /products', { name: 'Mug', price: 1, sku: 'A', extra: secret }],
    ['PATCH /products/1', { price: secret }],
    ['POST /chat/lobby/messages', { text: { secret } }],
    ['PATCH /profile', { name: [secret] }],
    ['POST /profile/password', { currentPassword: [secret], newPassword: secret.repeat(30) }],
    ['GET /products?page=sentinel-4711&limit=sentinel-4711', undefined],
    ['GET /products/1?asOf=sentinel-4711', undefined],
    ['GET /chat/sentinel_4711/messages', undefined],
  ] as const)('is told where, and its values stay unsaid: %s', async (route, sent) => {
    const response = await ask(route, sent === undefined ? {} : { json: sent });
    const problem = await expectProblem(response, 422, 'VALIDATION_ERROR');
    expect(problem.details.length).toBeGreaterThan(0);
    for (const { path, message } of problem.details) {
      expect(path).toMatch(/^\/\w+/);
      expect(message).toMatch(/\S/);
    }
    expect(JSON.stringify(problem)).not.toMatch(/sentinel|4711/);
  });

  test.each(['extra', '__proto__', 'constructor', 'createdBy'])(
    'has a field too many: %s',
    async (field) => {
      const body = JSON.stringify(newProduct()).replace('{', `{"${field}":{"admin":true},`);
      const headers = { 'content-type': 'application/json' };
      const response = await ask('POST /products', { body, headers });
      const { details } = await expectProblem(response, 422, 'VALIDATION_ERROR');
      expect(details.map(({ path }) => path)).toEqual([`/${field}`]);
    },
  );

  test('may have parameters that the route does not know', async () => {
    expect((await ask('GET /products?utm_source=x&__proto__=1')).status).toBe(200);
  });

  test('is answered 401 to strangers, whatever else is wrong with it', async () => {
    for (const route of [
      'POST /products',
      'PATCH /products/1',
      'PATCH /profile',
      'POST /profile/password',
      'POST /chat/lobby/messages',
      'PATCH /admin/users/1/role',
    ] as const) {
      const response = await send(server.url, route, { json: { nonsense: true } });
      expect(response.headers.get('www-authenticate')).toBe('Bearer');
      await expectProblem(response, 401, 'UNAUTHORIZED');
    }
    for (const route of ['GET /products?limit=x', 'GET /chat/A/messages'] as const) {
      await expectProblem(await send(server.url, route), 401, 'UNAUTHORIZED');
    }
  });

  test('is answered 403 to users, where only admins may ask', async () => {
    const response = await ask('PATCH /admin/users/1/role', { json: { nonsense: true } });
    await expectProblem(response, 403, 'FORBIDDEN');
  });
});

describe('the id of a request', () => {
  test('is the one that the client gave, in header and body', async () => {
    const given = `client/${crypto.randomUUID()}~!`;
    const headers = { 'x-request-id': given };
    const response = await ask('GET /nothing', { headers });
    expect((await expectProblem(response, 404, 'NOT_FOUND')).requestId).toBe(given);
    expect((await ask('GET /health', { headers })).headers.get('x-request-id')).toBe(given);
  });

  test('may have 128 characters', async () => {
    const headers = { 'x-request-id': 'x'.repeat(128) };
    const response = await ask('GET /health', { headers });
    expect(response.headers.get('x-request-id')).toBe('x'.repeat(128));
  });

  test.each([
    ['none is given', []],
    ['it has 129 characters', [`x-request-id: ${'x'.repeat(129)}`]],
    ['it has a tab', ['x-request-id: a\tb']],
    ['it is empty', ['x-request-id:']],
    ['it is not ASCII', ['x-request-id: \u00e9']],
  ])('is made when %s', async (_, lines) => {
    const response = await write('GET /health', 'host: localhost', ...lines, '', '');
    expect(response.headers.get('x-request-id')).toMatch(uuid7);
  });

  test('is another for each request', async () => {
    const [first, second] = [await ask('GET /health'), await ask('GET /health')];
    expect(first.headers.get('x-request-id')).not.toBe(second.headers.get('x-request-id'));
  });

  test('is the correlation id of the events', async () => {
    const headers = { 'x-request-id': 'order-17' };
    const response = await ask('POST /products', { json: newProduct(), headers });
    const { id } = (await response.json()) as { id: string };
    const events = await Array.fromAsync(
      server.application.edge.store.readStream(productStream(id)),
    );
    expect(events.map(({ meta }) => meta.correlationId)).toEqual(['order-17']);
  });
});

describe('a request to an odd host', () => {
  test.each(['x', '', 'two words', '[::1', 'a/b?c#d', 'x:99999', '%zz', '\u00e9'])(
    'is not a defect of ours: %p',
    async (host) => {
      const product = JSON.stringify(newProduct());
      const key = `idempotency-key: ${crypto.randomUUID()}`;
      const length = `content-length: ${product.length}`;
      const head = [`host: ${host}`, json, key, length];
      expect((await write('POST /products', ...head, '', product)).status).toBeOneOf([201, 400]);
      const read = await write('GET /products', `host: ${host}`, '', '');
      expect(read.status).toBeOneOf([200, 400]);
    },
  );

  test('is refused without any', async () => {
    expect((await write('GET /health', '', '')).status).toBe(400);
  });
});

describe('a defect', () => {
  test('shows its request id, and nothing of its cause', async () => {
    const broken = await startServer();
    const { accessToken: token } = await signUp(broken.url);
    await broken.run('read-model', 'DROP TABLE products');
    const response = await send(broken.url, 'GET /products', { token });
    const problem = await expectProblem(response, 500, 'INTERNAL');
    expect(JSON.stringify(problem)).not.toMatch(/sqlite|postgres|table|relation|products|at /i);
    await broken.stop();
  });
});

describe('a page of another origin', () => {
  const origin = 'https://app.example';

  test('is granted nothing unless it is configured', async () => {
    const response = await ask('GET /health', { headers: { origin } });
    expect(response.headers.get('access-control-allow-origin')).toBeNull();
  });

  test('may call and read the headers when it is', async () => {
    const open = await startServer({ corsOrigins: [origin] });
    const granted = await send(open.url, 'GET /health', { headers: { origin } });
    expect(granted.headers.get('access-control-allow-origin')).toBe(origin);
    expect(granted.headers.get('access-control-expose-headers')).toContain('Event-Position');
    const other = { origin: 'https://evil.example' };
    const refused = await send(open.url, 'GET /health', { headers: other });
    expect(refused.headers.get('access-control-allow-origin')).toBeNull();
    await open.stop();
  });
});

function multipart() {
  const form = new FormData();
  form.set('name', 'Mug');
  return form;
}

answers.testsThatAllAreAsDeclared(() => server.url);
