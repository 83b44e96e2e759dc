import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { parseMetrics } from '../../src/testing/prometheus.ts';
import { signUp, startServer, type TestServer } from '../../src/testing/server.ts';
import { openChat, openEventStream } from '../../src/testing/streams.ts';
import { eventually, newRoom, newSku, send } from './requests.ts';

let server: TestServer;

beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

type Labels = Readonly<Record<string, string>>;

/** Asks until a sample has a value: ends are noticed a moment after they happened. */
async function reaches(name: string, labels: Labels, wanted: number, url = server.url) {
  const ask = async () =>
    parseMetrics(await (await send(url, 'GET /metrics')).text()).value(name, labels);
  expect(await eventually(ask, (value) => value >= wanted)).toBe(wanted);
}

const gone = async (kind: string, url = server.url) => {
  const ask = async () => parseMetrics(await (await send(url, 'GET /metrics')).text());
  await eventually(ask, ({ value }) => value('refold_live_followers', { kind }) === 0);
};

describe('streams', () => {
  test('are told with what they were given, and how they ended', async () => {
    const ada = await signUp(server.url);
    const { accessToken: token } = ada;
    const left = await openEventStream(server.url, { token });
    const ended = await openEventStream(server.url, { token });
    await reaches('refold_live_followers', { kind: 'sse' }, 2);
    await ada.client.products.post({ name: 'Mug', price: 1, sku: newSku() });
    await Promise.all([left.received(1), ended.received(1)]);
    await reaches('refold_live_entries_delivered_total', { kind: 'sse' }, 2);
    await left.cut();
    await reaches('refold_live_ended_total', { kind: 'sse', reason: 'left' }, 1);
    await send(server.url, 'POST /auth/logout', { token });
    await ended.ended;
    await reaches('refold_live_ended_total', { kind: 'sse', reason: 'session-ended' }, 1);
    await gone('sse');
  });

  test('beyond what one may have are counted as refused', async () => {
    const { accessToken: token } = await signUp(server.url);
    const all = await Promise.all(
      Array.from({ length: 33 }, () => openEventStream(server.url, { token })),
    );
    expect(all.filter(({ response }) => response.status === 429)).toHaveLength(1);
    await reaches('refold_limiter_refusals_total', { limit: 'streams' }, 1);
    const route = { method: 'GET', route: '/events/stream' };
    await reaches('refold_http_requests_total', { ...route, status: '429' }, 1);
    for (const one of all) await one.cut();
  });
});

describe('sockets', () => {
  test('are told with what they were given, and how they ended', async () => {
    const { accessToken: token } = await signUp(server.url);
    const [room, kind] = [newRoom(), 'websocket'];
    const left = openChat(server.url, { room, token });
    const ended = openChat(server.url, { room, token });
    await Promise.all([left.opened, ended.opened]);
    await reaches('refold_live_followers', { kind }, 2);
    left.post('Good morning!');
    await Promise.all([left.received('message', 1), ended.received('message', 1)]);
    await reaches('refold_live_entries_delivered_total', { kind }, 2);
    await left.leave();
    await reaches('refold_live_ended_total', { kind, reason: 'left' }, 1);
    await send(server.url, 'POST /auth/logout', { token });
    expect((await ended.closed).code).toBe(4401);
    await reaches('refold_live_ended_total', { kind, reason: 'session-ended' }, 1);
    await reaches('refold_live_ended_total', { kind, reason: 'left' }, 1);
    await gone(kind);
  });

  test('that send more than they may are counted as refused', async () => {
    const { accessToken: token } = await signUp(server.url);
    const chat = openChat(server.url, { room: newRoom(), token });
    await chat.opened;
    for (let count = 0; count < 22; count += 1) chat.post('Hello?');
    await chat.received('error', 2);
    await reaches('refold_limiter_refusals_total', { limit: 'messages' }, 2);
    await chat.leave();
  });
});

test('requests beyond a rate are counted by the limit that refused them', async () => {
  const limited = await startServer({ rateLimits: { auth: 3, passwords: 0, commands: 1 } });
  try {
    const { client } = await signUp(limited.url);
    const body = () => ({ name: 'Mug', price: 1, sku: newSku() });
    expect((await client.products.post(body())).status).toBe(201);
    expect((await client.products.post(body())).status).toBe(429);
    await reaches('refold_limiter_refusals_total', { limit: 'commands' }, 1, limited.url);
    const route = { method: 'POST', route: '/products', status: '429' };
    await reaches('refold_http_requests_total', route, 1, limited.url);
    const json = { email: 'nobody@example.com', password: 'wrong password' };
    expect((await send(limited.url, 'POST /auth/login', { json })).status).toBe(401);
    expect((await send(limited.url, 'POST /auth/login', { json })).status).toBe(429);
    await reaches('refold_limiter_refusals_total', { limit: 'auth' }, 1, limited.url);
  } finally {
    await limited.stop();
  }
});
