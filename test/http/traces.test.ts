import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { version } from '../../package.json';
import {
  type CollectedSpan,
  type Collector,
  serverKind,
  startCollector,
} from '../../src/testing/collector.ts';
import { engine } from '../../src/testing/engine.ts';
import { signUp, startServer, testPassword, type TestServer } from '../../src/testing/server.ts';
import { newSku, send } from './requests.ts';

let collector: Collector;
let server: TestServer;
let ada: Awaited<ReturnType<typeof signUp>>;

beforeAll(async () => {
  collector = startCollector();
  server = await startServer({ tracesUrl: collector.url });
  ada = await signUp(server.url);
});
afterAll(async () => {
  await server.stop();
  await collector.stop();
});

const callersSpan = '00f067aa0ba902b7';

/** A trace that a caller is in. */
function newTrace(flags = '01') {
  const traceId = crypto.randomUUID().replaceAll('-', '');
  return { traceId, headers: { traceparent: `00-${traceId}-${callersSpan}-${flags}` } };
}

const product = () => ({ name: 'Mug', price: 1, sku: newSku() });

async function createProduct() {
  const { data } = await ada.client.products.post(product());
  return data!;
}

/** The names of spans from the outermost to one that has none inside. */
function pathIn(spans: readonly CollectedSpan[]): string[] {
  const inside = (parent: string): string[] => {
    const span = spans.find(({ parentSpanId }) => parentSpanId === parent);
    return span ? [span.name, ...inside(span.spanId)] : [];
  };
  return inside(callersSpan);
}

describe('a registration', () => {
  test('is a span in the trace of its caller, around the command and the append', async () => {
    const { traceId, headers } = newTrace();
    const json = { email: `${traceId}@example.com`, name: 'Grace Hopper', password: testPassword };
    const response = await send(server.url, 'POST /auth/register', { json, headers });
    const spans = await collector.trace(traceId);

    expect(pathIn(spans)).toEqual([
      'POST /auth/register',
      'command RegisterUser',
      'append',
      'append batch',
    ]);
    expect(spans.find(({ kind }) => kind === serverKind)!.attributes).toEqual({
      'http.request.method': 'POST',
      'http.response.header.x-request-id': [response.headers.get('x-request-id')],
      'http.response.status_code': 201,
      'http.route': '/auth/register',
      'url.path': '/auth/register',
      'url.scheme': 'http',
    });
    expect(spans.find(({ name }) => name === 'append batch')!.attributes).toEqual({
      'db.operation.batch.size': 1,
      'db.system.name': engine === 'postgres' ? 'postgresql' : 'sqlite',
      'refold.events': 1,
    });
  });
});

describe('a command', () => {
  test('that is refused says why', async () => {
    const { token, taken } = { token: ada.accessToken, taken: product() };
    const { traceId, headers } = newTrace();
    await send(server.url, 'POST /products', { token, json: taken });
    await send(server.url, 'POST /products', { token, json: taken, headers });
    const command = (await collector.trace(traceId)).find(({ name }) => name.startsWith('command'));
    expect(command?.attributes).toEqual({
      'refold.outcome': 'refused',
      'refold.rejection': 'sku-taken',
    });
  });
});

describe('a read', () => {
  test('is a span around the wait for the read models and the query', async () => {
    const { id } = await createProduct();
    const { traceId, headers } = newTrace();
    await send(server.url, `GET /products/${id}`, {
      token: ada.accessToken,
      headers: { ...headers, 'x-request-id': 'what-a-client-likes' },
    });
    const spans = await collector.trace(traceId);
    const request = spans.find(({ kind }) => kind === serverKind)!;

    expect(request).toMatchObject({ name: 'GET /products/:id', parentSpanId: callersSpan });
    expect(request.attributes).toEqual({
      'http.request.method': 'GET',
      'http.response.status_code': 200,
      'http.route': '/products/:id',
      'url.path': `/products/${id}`,
      'url.scheme': 'http',
    });
    const inside = spans.filter(({ parentSpanId }) => parentSpanId === request.spanId);
    expect(inside.map(({ name }) => name)).toEqual(['wait for read models', 'query products.byId']);
  });

  test('that comes too early is an error', async () => {
    const { traceId, headers } = newTrace();
    const early = { ...headers, 'read-after': '999999999' };
    await send(server.url, 'GET /products', { token: ada.accessToken, headers: early });
    const spans = await collector.trace(traceId);
    expect(spans.map(({ name, status }) => [name, status])).toEqual([
      ['wait for read models', 2],
      ['GET /products', 2],
    ]);
    expect(spans.map(({ attributes }) => attributes['error.type'])).toEqual(['EdgeRefusal', '503']);
  });

  test('whose caller wants no trace makes none', async () => {
    const [unwanted, wanted] = [newTrace('00'), newTrace()];
    await send(server.url, 'GET /products', { token: ada.accessToken, ...unwanted });
    await send(server.url, 'GET /products', { token: ada.accessToken, ...wanted });
    await collector.trace(wanted.traceId);
    expect(collector.text()).not.toContain(unwanted.traceId);
  });

  test('with a `traceparent` that is none begins a trace', async () => {
    const { traceId, headers } = newTrace();
    const token = ada.accessToken;
    const garbled = { traceparent: `00-${traceId}-nothing-01` };
    const id = crypto.randomUUID();
    await send(server.url, `GET /products/${id}`, { token, headers: garbled });
    await send(server.url, 'GET /products', { token, headers });
    await collector.trace(traceId);
    const span = collector
      .spans()
      .find(({ attributes }) => attributes['url.path']?.toString().endsWith(id));
    expect(span?.traceId).toMatch(/^[\da-f]{32}$/);
    expect(span?.traceId).not.toBe(traceId);
    expect(span?.parentSpanId).toBeUndefined();
  });
});

describe('appends that share a batch', () => {
  test('share its span, which is in one of their traces and linked to the others', async () => {
    const traces = Array.from({ length: 20 }, () => newTrace());
    const posted = traces.map(({ headers }) =>
      send(server.url, 'POST /products', { token: ada.accessToken, json: product(), headers }),
    );
    await Promise.all(posted);
    const all = await Promise.all(traces.map(({ traceId }) => collector.trace(traceId)));
    const batches = all.flat().filter(({ name }) => name === 'append batch');
    const reached = batches.flatMap(({ traceId, links }) => [traceId, ...links]);

    expect(reached.toSorted()).toEqual(traces.map(({ traceId }) => traceId).toSorted());
    expect(batches.length).toBeLessThan(traces.length);
    expect(all.flat().filter(({ name }) => name === 'append')).toHaveLength(traces.length);
  });
});

describe('a socket', () => {
  test('is a span until it is open, and no span is made of what is sent over it', async () => {
    const room = crypto.randomUUID();
    const acknowledged = Promise.withResolvers<void>();
    const url = `${server.url.replace('http', 'ws')}/ws/chat/${room}`;
    const socket = new WebSocket(url, ['bearer', ada.accessToken]);
    socket.addEventListener('open', () => socket.send(JSON.stringify({ text: 'Hello', ref: '1' })));
    socket.addEventListener('message', ({ data }) => {
      if (JSON.parse(String(data)).type === 'ack') acknowledged.resolve();
    });
    await acknowledged.promise;
    socket.close();
    const { traceId, headers } = newTrace();
    await send(server.url, 'GET /products', { token: ada.accessToken, headers });
    await collector.trace(traceId);

    const opened = collector.spans().find(({ name }) => name === 'GET /ws/chat/:room')!;
    expect(opened.attributes).toMatchObject({
      'http.response.status_code': 101,
      'url.path': `/ws/chat/${room}`,
    });
    expect(collector.spans().filter(({ traceId }) => traceId === opened.traceId)).toHaveLength(1);
  });
});

describe('a stream', () => {
  test('is a span until it is open, and carries what it did', async () => {
    const { traceId, headers } = newTrace();
    const { accessToken: token } = ada;
    const stream = await send(server.url, 'GET /events/stream?after=0', { token, headers });
    const [request, ...inside] = (await collector.trace(traceId)).toReversed();
    expect(request).toMatchObject({ name: 'GET /events/stream', parentSpanId: callersSpan });
    expect(inside).toEqual([]);
    const reader = stream.body!.getReader();
    expect(new TextDecoder().decode((await reader.read()).value)).toContain('data: ');
    await reader.cancel();
  });
});

test('what is sent tells who sends it', async () => {
  const { traceId, headers } = newTrace();
  await send(server.url, 'GET /products', { token: ada.accessToken, headers });
  await collector.trace(traceId);
  expect(collector.resource()).toMatchObject({
    'service.name': 'refold',
    'service.version': version,
    'service.instance.id': expect.stringMatching(/^[\da-f-]{36}$/),
  });
});

test('nothing of a person, no token and no text of a client is sent', async () => {
  const { email, accessToken: token, cookie } = ada;
  const made = 'made-up-by-a-client';
  const { traceId, headers } = newTrace();
  const told = {
    ...headers,
    cookie,
    'user-agent': made,
    tracestate: `a=${made}`,
    'x-request-id': made,
  };
  await send(server.url, `GET /products?search=${made}`, { token, headers: told });
  await send(server.url, `GET /products/${made}`, { token, headers: told });
  await send(server.url, `GET /${made}/${email}`, { token, headers: told });
  await send(server.url, `POST /chat/${made}/messages`, {
    token,
    json: { text: made },
    headers: told,
  });
  await send(server.url, 'PATCH /profile', { token, json: { name: made }, headers: told });
  const last = newTrace();
  await send(server.url, 'GET /health', last);
  await collector.trace(last.traceId);

  const spans = await collector.trace(traceId);
  const paths = spans
    .filter(({ kind }) => kind === serverKind)
    .map(({ attributes }) => attributes['url.path']);
  expect(paths).toEqual([
    '/products',
    '/products/REDACTED',
    '/REDACTED',
    '/chat/REDACTED/messages',
    '/profile',
  ]);
  for (const secret of [
    email,
    'Ada',
    testPassword,
    token,
    cookie.split('=')[1]!,
    made,
    '@',
    '127.0.0.1',
  ]) {
    expect(collector.text()).not.toContain(secret);
  }
});

describe('what follows from a request', () => {
  test('is no part of its trace', async () => {
    const { traceId, headers } = newTrace();
    const json = { text: `@${ada.email} look` };
    await send(server.url, 'POST /chat/lobby/messages', { token: ada.accessToken, json, headers });
    const register = { email: `${traceId}@example.com`, name: 'Grace', password: testPassword };
    await send(server.url, 'POST /auth/register', { json: register, headers });
    await server.reactedToAll();
    const last = newTrace();
    await send(server.url, 'GET /health', last);
    await collector.trace(last.traceId);
    const commands = (await collector.trace(traceId)).filter(({ name }) =>
      name.startsWith('command'),
    );
    expect(commands.map(({ name }) => name)).toEqual([
      'command PostMessage',
      'command RegisterUser',
    ]);
  });
});

describe('a server that stops', () => {
  test('sends what it has not yet sent', async () => {
    const own = await startServer({ tracesUrl: collector.url });
    const { traceId, headers } = newTrace();
    await send(own.url, 'GET /health', { headers });
    await own.stop();
    expect(collector.text()).toContain(traceId);
  });
});
