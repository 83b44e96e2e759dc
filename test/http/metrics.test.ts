import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { version } from '../../package.json';
import { projections } from '../../src/projections/index.ts';
import { engine } from '../../src/testing/engine.ts';
import { parseMetrics, type Scrape } from '../../src/testing/prometheus.ts';
import {
  signIn,
  signUp,
  startServer,
  testPassword,
  type TestServer,
} from '../../src/testing/server.ts';
import { eventually, newRoom, newSku, send } from './requests.ts';

type Labels = Readonly<Record<string, string>>;

let server: TestServer;
let ada: Awaited<ReturnType<typeof signUp>>;

beforeAll(async () => {
  server = await startServer();
  ada = await signUp(server.url);
});
afterAll(() => server.stop());

async function scrape(url = server.url): Promise<Scrape> {
  return parseMetrics(await (await send(url, 'GET /metrics')).text());
}

/** Answers how much samples have grown since; what ends a request is counted a moment after its answer. */
async function growth(url = server.url) {
  const before = await scrape(url);
  return (name: string, labels: Labels, by: number) =>
    eventually(
      async () => (await scrape(url)).value(name, labels) - before.value(name, labels),
      (grown) => grown >= by,
    );
}

const product = () => ({ name: 'Mug', price: 1, sku: newSku() });

describe('requests', () => {
  test('are counted by the pattern of their route, their method and their status', async () => {
    const { accessToken: token } = ada;
    const grown = await growth();
    const [one, other] = [crypto.randomUUID(), crypto.randomUUID()];
    await send(server.url, `GET /products/${one}`, { token });
    await send(server.url, `GET /products/${other}`, { token });
    await send(server.url, `GET /products/${other}`);
    await send(server.url, 'HEAD /health');
    const labels = { method: 'GET', route: '/products/:id' };
    const requests = 'refold_http_requests_total';
    const head = { method: 'HEAD', route: '/health', status: '200' };
    expect(await grown(requests, head, 1)).toBe(1);
    expect(await grown(requests, { ...labels, status: '404' }, 2)).toBe(2);
    expect(await grown(requests, { ...labels, status: '401' }, 1)).toBe(1);
    expect(await grown('refold_http_request_duration_seconds_count', labels, 3)).toBe(3);
    const sum = 'refold_http_request_duration_seconds_sum';
    expect((await scrape()).value(sum, labels)).toBeWithin(0.000_01, 30);
  });

  test('to what is nowhere are one, whatever they ask for', async () => {
    const grown = await growth();
    const { families: before, samples: all } = await scrape();
    for (const path of ['/a', '/b/c', '/products/1/2/3', '/metrics/x', '/%00']) {
      await send(server.url, `GET ${path}` as 'GET /');
    }
    const unmatched = { method: 'GET', route: 'unmatched', status: '404' };
    expect(await grown('refold_http_requests_total', unmatched, 5)).toBe(5);
    await send(server.url, 'DELETE /health');
    const wrong = { method: 'DELETE', route: 'unmatched', status: '405' };
    expect(await grown('refold_http_requests_total', wrong, 1)).toBe(1);
    const after = await scrape();
    expect(after.families.size).toBe(before.size);
    const routes = new Set(after.samples.map(({ labels }) => labels['route']));
    expect([...routes]).not.toContain('/b/c');
    const requests = after.samples.length - all.length;
    // At most two samples of the counter and two histograms that were not there before.
    expect(requests).toBeLessThanOrEqual(2 + 2 * 17);
  });

  test('that become a socket are counted as that', async () => {
    const grown = await growth();
    const address = `${server.url.replace('http', 'ws')}/ws/chat/${newRoom()}`;
    const socket = new WebSocket(`${address}?token=${ada.accessToken}`);
    await new Promise((resolve) => socket.addEventListener('open', resolve));
    const labels = { method: 'GET', route: '/ws/chat/:room', status: '101' };
    expect(await grown('refold_http_requests_total', labels, 1)).toBe(1);
    socket.close();
  });

  test('that are being answered are told, the one that asks among them', async () => {
    expect((await scrape()).value('refold_http_requests_pending')).toBeGreaterThanOrEqual(1);
  });
});

describe('commands', () => {
  test('are measured by their name and how they ended', async () => {
    const grown = await growth();
    const json = product();
    await ada.client.products.post(json);
    await ada.client.products.post(json);
    const count = 'refold_command_duration_seconds_count';
    const command = 'CreateProduct';
    expect(await grown(count, { command, outcome: 'accepted' }, 1)).toBe(1);
    expect(await grown(count, { command, outcome: 'refused' }, 1)).toBe(1);
  });

  test('that come again, or with the id of another, are told apart', async () => {
    const grown = await growth();
    const { products } = server.application.edge.commands;
    const command = {
      type: 'CreateProduct',
      by: {
        id: ada.user.id,
        role: 'user',
      },
      name: 'Cup',
      priceCents: 1,
      sku: newSku(),
    } as const;
    const id = crypto.randomUUID();
    const context = { actorId: ada.user.id, correlationId: 'a', causationId: 'a', commandId: id };
    await products(id, command, { ...context, fingerprint: 'a' });
    await products(id, command, { ...context, fingerprint: 'a' });
    await products(crypto.randomUUID(), command, { ...context, fingerprint: 'a', isNew: true });
    const third = products(id, command, { ...context, fingerprint: 'b' });
    expect(await third.catch(({ name }: Error) => name)).toBe('CommandIdReused');
    const count = 'refold_command_duration_seconds_count';
    const labels = { command: 'CreateProduct' };
    expect(await grown(count, { ...labels, outcome: 'accepted' }, 1)).toBe(1);
    expect(await grown(count, { ...labels, outcome: 'repeated' }, 2)).toBe(2);
    expect(await grown(count, { ...labels, outcome: 'failed' }, 1)).toBe(1);
    expect(await grown('refold_appends_total', { outcome: 'repeated' }, 2)).toBe(2);
    expect(await grown('refold_events_appended_total', { type: 'ProductCreated' }, 1)).toBe(1);
    expect(await grown('refold_appends_total', { outcome: 'command-reused' }, 1)).toBe(1);
  });
});

describe('appends', () => {
  test('are counted with their events, their batches and how long they waited', async () => {
    const grown = await growth();
    await Promise.all(Array.from({ length: 12 }, () => ada.client.products.post(product())));
    expect(await grown('refold_events_appended_total', { type: 'ProductCreated' }, 12)).toBe(12);
    expect(await grown('refold_appends_total', { outcome: 'stored' }, 12)).toBe(12);
    expect(await grown('refold_append_batch_size_sum', {}, 12)).toBe(12);
    expect(await grown('refold_append_wait_seconds_count', {}, 12)).toBe(12);
    expect(await grown('refold_log_head_position', {}, 12)).toBe(12);
    const batches = await grown('refold_append_batch_size_count', {}, 1);
    expect(batches).toBeWithin(1, 13);
    expect(await grown('refold_append_batch_duration_seconds_count', {}, 1)).toBe(batches);
    expect((await scrape()).value('refold_append_batch_duration_seconds_sum')).toBeGreaterThan(0);
  });

  test('that fail are counted, and the check of the log shows it', async () => {
    const grown = await growth();
    const letGo = await server.holdLog();
    expect((await ada.client.products.post(product())).status).toBe(503);
    expect(await grown('refold_append_batch_failures_total', {}, 1)).toBe(1);
    // A database is there for others all the while, so its check does not wait for an append to be green again.
    const isRed = engine === 'sqlite';
    expect((await scrape()).value('refold_check_ok', { check: 'log' })).toBe(isRed ? 0 : 1);
    await letGo();
    expect((await ada.client.products.post(product())).status).toBe(201);
    expect((await scrape()).value('refold_check_ok', { check: 'log' })).toBe(1);
  });
});

describe('those who follow the log', () => {
  test('are told with their position and how far that is from the head', async () => {
    await ada.client.products.post(product());
    const position = await server.reactedToAll();
    const { value } = await eventually(scrape, ({ value }) =>
      projections.every(
        ({ name }) => value('refold_projection_position', { projection: name }) === position,
      ),
    );
    expect(value('refold_log_head_position')).toBe(position);
    for (const { name: projection } of projections) {
      expect(value('refold_projection_lag_events', { projection })).toBe(0);
      expect(value('refold_projection_parked_events', { projection })).toBe(0);
      expect(value('refold_projection_progress_ratio', { projection })).toBe(1);
      expect(value('refold_projection_status', { projection, status: 'live' })).toBe(1);
      expect(value('refold_projection_status', { projection, status: 'stopped' })).toBe(0);
    }
    const notifications = { follower: 'notifications' };
    expect(value('refold_follower_position', notifications)).toBe(position);
    expect(value('refold_follower_lag_events', notifications)).toBe(0);
    expect(value('refold_check_ok', { check: 'read models' })).toBe(1);
  });
});

describe('hashes of passwords', () => {
  test('are told while they are computed and while they wait', async () => {
    const logins = Array.from({ length: 12 }, () => signIn(server.url, ada.email));
    const { value } = await eventually(
      scrape,
      ({ value }) => value('refold_password_hashes', { state: 'waiting' }) > 0,
    );
    expect(value('refold_password_hashes', { state: 'running' })).toBe(2);
    expect(value('refold_password_hashes_shed_total')).toBe(0);
    await Promise.all(logins);
    const after = await scrape();
    expect(after.value('refold_password_hashes', { state: 'running' })).toBe(0);
  });
});

describe('the vault', () => {
  test('is measured by what it is asked for', async () => {
    const grown = await growth();
    await signIn(server.url, ada.email);
    const count = 'refold_vault_operation_duration_seconds_count';
    expect(await grown(count, { operation: 'startSession' }, 1)).toBe(1);
    expect(await grown(count, { operation: 'passwordHashOf' }, 1)).toBe(1);
  });

  test('that fails is counted', async () => {
    const grown = await growth();
    await server.run('vault', 'ALTER TABLE sessions RENAME TO elsewhere');
    const json = { email: ada.email, password: testPassword };
    expect((await send(server.url, 'POST /auth/login', { json })).status).toBe(500);
    expect(await grown('refold_vault_failures_total', { operation: 'startSession' }, 1)).toBe(1);
    await server.run('vault', 'ALTER TABLE elsewhere RENAME TO sessions');
  });
});

describe('the cache of states', () => {
  test('counts what was there and what was not', async () => {
    const { data } = await ada.client.products.post(product());
    const grown = await growth();
    const { accessToken: token } = ada;
    // Nothing is kept of what was just made: the first change loads it, the second finds it.
    for (const price of [2, 3]) {
      await send(server.url, `PATCH /products/${data!.id}`, { token, json: { price } });
    }
    const labels = { cache: 'states' };
    expect(await grown('refold_cache_reads_total', { ...labels, result: 'hit' }, 1)).toBe(1);
    expect(await grown('refold_cache_reads_total', { ...labels, result: 'miss' }, 1)).toBe(1);
  });
});

describe('the process', () => {
  test('tells its versions, memory and processor time', async () => {
    const { value } = await scrape();
    expect(value('refold_build_info', { version, bun: Bun.version })).toBe(1);
    expect(value('refold_process_resident_memory_bytes')).toBeWithin(1e7, 1e11);
    expect(value('refold_process_heap_used_bytes')).toBeWithin(1e5, 1e11);
    expect(value('refold_process_cpu_seconds_total')).toBeGreaterThan(0);
    const startedAt = value('refold_process_start_time_seconds') * 1_000;
    expect(startedAt).toBeWithin(Date.now() - 3_600_000, Date.now());
  });

  test('tells when its thread was busy with something else', async () => {
    const grown = await growth();
    const until = performance.now() + 400;
    while (performance.now() < until);
    const sum = 'refold_event_loop_delay_seconds_sum';
    expect(await grown(sum, {}, 0.25)).toBeGreaterThanOrEqual(0.25);
  });
});
