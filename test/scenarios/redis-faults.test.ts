// Whatever becomes of Redis, clients see what they have written and never less than they have seen.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { type Random, seededRandom } from '../../src/testing/random.ts';
import { startRedis, type TestRedis } from '../../src/testing/redis.ts';
import { signUp, startServer, type TestServer } from '../../src/testing/server.ts';
import { until } from '../../src/testing/until.ts';
import { send } from '../http/requests.ts';

setDefaultTimeout(60_000);

const clients = 6;
const requestsInPhase = 300;
/** As configured in the connection: what waits for Redis in vain takes as long. */
const waitMs = 100;

type Client = Awaited<ReturnType<typeof signUp>> & { readonly seen: Map<string, number> };
type Seen = { readonly version: number; readonly price: number };
type Product = { readonly id: string; readonly owner: Client; written: Seen; position: number };

let server: TestServer;
let redis: TestRedis;
let people: Client[];
let products: Product[];
let random: Random;
let driving: Promise<unknown>;
const run = { isOver: false };
const done = { queries: 0, commands: 0 };
/** How long each query took, in milliseconds. */
const times: number[] = [];
/** A query that takes longer is slow: it has waited for Redis, as far as this machine lets us tell. */
let slowMs = waitMs;

beforeAll(async () => {
  redis = await startRedis();
  server = await startServer({ redisUrl: redis.url, cachesAnswers: true });
  random = seededRandom('faults of Redis');
  people = await Promise.all(
    Array.from({ length: clients }, async () => ({
      ...(await signUp(server.url)),
      seen: new Map(),
    })),
  );
  products = await Promise.all(people.map(create));
  await until(isRedisHere);
  driving = Promise.all(people.map(drive));
});

afterAll(async () => {
  run.isOver = true;
  await driving;
  await server.stop();
  await redis.stop();
});

async function create(owner: Client): Promise<Product> {
  const json = { name: 'Mug', price: 1, sku: crypto.randomUUID() };
  const response = await send(server.url, 'POST /products', { token: owner.accessToken, json });
  const { id, version, price } = (await response.json()) as { id: string } & Seen;
  const position = Number(response.headers.get('event-position'));
  return { id, owner, written: { version, price }, position };
}

async function isRedisHere(): Promise<boolean> {
  const response = await send(server.url, 'GET /ready');
  const { checks } = (await response.json()) as { checks: { name: string; message?: string }[] };
  expect(response.status).toBe(200);
  return checks.some(({ name, message }) => name === 'redis' && message === undefined);
}

async function drive(client: Client) {
  while (!run.isOver) {
    if (random.isTrue(0.2)) await reprice(products.find(({ owner }) => owner === client)!);
    else if (random.isTrue(0.1)) await list(client);
    else await look(client, random.pick(products));
  }
}

async function reprice(product: Product) {
  const { id, owner } = product;
  const json = { price: product.written.price + 1 };
  const token = owner.accessToken;
  const response = await send(server.url, `PATCH /products/${id}`, { token, json });
  expect(response.status).toBe(200);
  product.written = (await response.json()) as Seen;
  product.position = Number(response.headers.get('event-position'));
  done.commands += 1;
}

/** Somebody who knows how far the log has come must see that much; the owner needs no header. */
async function look(client: Client, product: Product) {
  const { position, owner } = product;
  const least = product.written;
  const before = client.seen.get(product.id) ?? 0;
  const headers = owner === client ? {} : { 'read-after': String(position) };
  const { price, version } = await timed<Seen>(client, `GET /products/${product.id}`, headers);
  expect(version).toBeGreaterThanOrEqual(least.version);
  expect(version).toBeGreaterThanOrEqual(before);
  expect(price).toBe(version);
  client.seen.set(product.id, Math.max(version, client.seen.get(product.id) ?? 0));
}

async function list(client: Client) {
  const least = new Map(products.map(({ id, written }) => [id, written.version]));
  const after = Math.max(...products.map(({ position }) => position));
  const headers = { 'read-after': String(after) };
  const page = await timed<{ data: (Seen & { id: string })[]; total: number }>(
    client,
    'GET /products?limit=50',
    headers,
  );
  expect(page.total).toBe(products.length);
  for (const { id, version } of page.data) expect(version).toBeGreaterThanOrEqual(least.get(id)!);
}

async function timed<Answer>(
  { accessToken: token }: Client,
  route: `GET /${string}`,
  headers: Readonly<Record<string, string>>,
): Promise<Answer> {
  const start = performance.now();
  const response = await send(server.url, route, { token, headers });
  expect(response.status).toBe(200);
  const answer = (await response.json()) as Answer;
  done.queries += 1;
  times.push(performance.now() - start);
  return answer;
}

/** Waits for so many further requests, and tells how it went with them. */
async function further(requests: number) {
  const { queries, commands } = done;
  const failed = driving.then(() => Promise.reject(new Error('The clients have stopped.')));
  const enough = until(() => done.queries + done.commands >= queries + commands + requests);
  await Promise.race([enough, failed]);
  return {
    queries: done.queries - queries,
    commands: done.commands - commands,
    times: times.slice(queries),
  };
}

async function expectToGoOn(requests = requestsInPhase) {
  const { queries, commands, times } = await further(requests);
  expect(commands).toBeGreaterThan(0);
  // Those who waited when it began, and a few for whom the machine had no time.
  const slow = times.filter((ms) => ms >= slowMs).length;
  expect(slow).toBeLessThanOrEqual(clients + queries / 10);
}

const hits = () => server.application.shared.answers!().hits;

async function expectRecovery() {
  await until(isRedisHere);
  const before = hits();
  await until(() => hits() > before);
}

describe('requests go on, and nobody sees anything old', () => {
  test('while Redis is well, and then answers come from there', async () => {
    const { times } = await further(requestsInPhase);
    // Where the machine is busy, a query takes long without Redis, too.
    slowMs = Math.max(waitMs, times.toSorted((a, b) => a - b)[Math.floor(times.length * 0.98)]!);
    await expectToGoOn();
    await expectRecovery();
  });

  test('while it is dead, and after it has started again with its data', async () => {
    await redis.kill();
    await expectToGoOn();
    await redis.restart();
    await expectRecovery();
  });

  test('after it has started again with nothing', async () => {
    await redis.kill();
    await redis.restartEmpty();
    await expectToGoOn();
    await expectRecovery();
  });

  test('after it has started again with what it had a while ago', async () => {
    redis.remember();
    await expectToGoOn();
    await redis.kill();
    await redis.restartAsRemembered();
    await expectToGoOn();
    await expectRecovery();
  });

  test('while it is flushed again and again', async () => {
    for (let flush = 0; flush < 20; flush += 1) {
      await redis.flush();
      await further(20);
    }
    await expectRecovery();
  });

  test('while it is frozen', async () => {
    redis.freeze();
    await expectToGoOn(5 * requestsInPhase);
    redis.thaw();
    await expectRecovery();
  });

  test('while it freezes and thaws', async () => {
    for (let flap = 0; flap < 20; flap += 1) {
      redis.freeze();
      await further(20);
      redis.thaw();
      await further(20);
    }
    await expectRecovery();
  });

  test('while it dies and comes back', async () => {
    for (let flap = 0; flap < 10; flap += 1) {
      await redis.kill();
      await further(20);
      await redis.restart();
      await further(20);
    }
    await expectRecovery();
  });
});
