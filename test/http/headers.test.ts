import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { signUp, startServer, type TestServer } from '../../src/testing/server.ts';
import { png } from '../../src/testing/image-bytes.ts';
import { newSku, send } from './requests.ts';

const nothing = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const origin = 'https://app.example';
let server: TestServer;
let ada: Awaited<ReturnType<typeof signUp>>;

beforeAll(async () => {
  server = await startServer({ corsOrigins: [origin] });
  ada = await signUp(server.url);
});
afterAll(() => server.stop());

function ask(route: `${string} /${string}`, sent: Parameters<typeof send>[2] = {}) {
  return send(server.url, route, { token: ada.accessToken, ...sent });
}

function expectProtective({ headers }: Response) {
  expect(headers.get('x-content-type-options')).toBe('nosniff');
  expect(headers.get('referrer-policy')).toBe('no-referrer');
  expect(headers.get('content-security-policy')).toStartWith("default-src 'none'; ");
  expect(headers.get('server')).toBeNull();
  expect(headers.get('x-powered-by')).toBeNull();
}

describe('every answer', () => {
  const form = { body: 'a=b', headers: { 'content-type': 'application/x-www-form-urlencoded' } };
  const broken = { body: '{', headers: { 'content-type': 'application/json' } };

  test.each([
    ['of a read', 200, () => ask('GET /profile')],
    [
      'to a command',
      201,
      () => ask('POST /products', { json: { name: 'Mug', price: 1, sku: newSku() } }),
    ],
    [
      'without a body',
      204,
      () => ask('POST /auth/logout', { token: '', headers: { cookie: ada.cookie } }),
    ],
    ['to strangers', 401, () => send(server.url, 'GET /profile')],
    ['that nothing is there', 404, () => ask('GET /nothing')],
    ['that it goes another way', 405, () => ask('PUT /products')],
    ['to what cannot be read', 400, () => ask('POST /products', broken)],
    ['to another kind of body', 415, () => ask('POST /products', form)],
    ['to what is wrong', 422, () => send(server.url, 'POST /auth/login', { json: {} })],
    ['about its health', 200, () => send(server.url, 'GET /health')],
    ['about metrics', 200, () => send(server.url, 'GET /metrics')],
    ['that is a document', 200, () => send(server.url, 'GET /docs/json')],
  ] as const)('%s is not to be guessed at, kept, framed or told of', async (_, status, asking) => {
    const response = await asking();
    expect(response.status).toBe(status);
    expectProtective(response);
    expect(response.headers.get('content-security-policy')).toBe(nothing);
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(response.headers.get('strict-transport-security')).toBeNull();
  });

  test('keeps what its route says of caching', async () => {
    const bob = await signUp(server.url);
    const token = bob.accessToken;
    const stream = await send(server.url, 'GET /events/stream', { token });
    expectProtective(stream);
    expect(stream.headers.get('cache-control')).toBe('no-cache, no-transform');
    await stream.body?.cancel();
    const { data } = await bob.client.products.post({ name: 'Mug', price: 1, sku: newSku() });
    const body = png();
    const headers = { 'content-type': 'image/png' };
    const path = `/products/${data!.id}/image` as const;
    expect((await send(server.url, `PUT ${path}`, { token, body, headers })).status).toBe(200);
    const image = await send(server.url, `GET ${path}`, { token });
    expectProtective(image);
    expect(image.headers.get('content-type')).toBe('image/png');
    expect(image.headers.get('cache-control')).toBe('private, max-age=31536000, immutable');
  });

  test('in production is to be asked for over TLS alone', async () => {
    const production = await startServer({ isProduction: true });
    for (const path of ['GET /health', 'GET /nothing', 'GET /docs'] as const) {
      const { headers } = await send(production.url, path);
      expect(headers.get('strict-transport-security')).toBe('max-age=31536000; includeSubDomains');
    }
    await production.stop();
  });
});

describe('a page of an origin on the list', () => {
  test('may call with credentials, and is told which headers it may send and read', async () => {
    const asked = { origin, 'access-control-request-method': 'PATCH' };
    const preflight = await send(server.url, 'OPTIONS /products/1', { headers: asked });
    expect(preflight.status).toBe(204);
    for (const response of [
      preflight,
      await send(server.url, 'GET /health', { headers: { origin } }),
    ]) {
      expect(response.headers.get('access-control-allow-origin')).toBe(origin);
      expect(response.headers.get('access-control-allow-credentials')).toBe('true');
      expect(response.headers.get('vary')).toContain('Origin');
    }
  });

  test.each([
    'https://evil.example',
    'https://app.example.evil.example',
    'https://evil-app.example',
    'http://app.example',
    'https://app.example:8443',
    'HTTPS://APP.EXAMPLE',
    'null',
  ])('is none from %s', async (other) => {
    const asked = { origin: other, 'access-control-request-method': 'PATCH' };
    for (const response of [
      await send(server.url, 'OPTIONS /products/1', { headers: asked }),
      await send(server.url, 'GET /health', { headers: { origin: other } }),
    ]) {
      expect(response.headers.get('access-control-allow-origin')).toBeNull();
    }
  });
});
