import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { startRedis, type TestRedis } from '../../src/testing/redis.ts';
import { signUp, startServer, type TestServer } from '../../src/testing/server.ts';
import { until } from '../../src/testing/until.ts';
import { eventually, send } from './requests.ts';

setDefaultTimeout(30_000);

let server: TestServer;
let redis: TestRedis;
let ada: Awaited<ReturnType<typeof signUp>>;

beforeAll(async () => {
  redis = await startRedis();
  server = await startServer({ redisUrl: redis.url, cachesAnswers: true });
  ada = await signUp(server.url, { name: 'Ada of Marylebone' });
  await eventually(
    () => redisCheck(),
    (check) => check.message === undefined,
  );
});

afterAll(async () => {
  await server.stop();
  await redis.stop();
});

async function redisCheck(url = server.url) {
  const response = await send(url, 'GET /ready');
  const { checks } = (await response.json()) as {
    checks: { name: string; ok: boolean; message?: string }[];
  };
  return checks.find(({ name }) => name === 'redis')!;
}

const counts = () => server.application.shared.answers!();
const newProduct = async (name: string) => {
  const { data } = await ada.client.products.post({ name, price: 1, sku: crypto.randomUUID() });
  return data!;
};

/** Asks until the answer comes from the cache, and gives it. */
async function fromCache<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
  for (;;) {
    const { hits } = counts();
    const answer = await ask();
    if (counts().hits > hits) return answer;
  }
}

describe('a cached answer', () => {
  test('is the one that the rows give', async () => {
    const product = await newProduct('Mug ☕');
    const one = () => ada.client.products({ id: product.id }).get({ query: {} });
    const fromRows = await one();
    const answer = await fromCache(one);
    expect(answer.data).toEqual(fromRows.data!);
    expect(answer.data).toEqual(product);
    expect(answer.response.headers.get('etag')).toBe('"1"');
  });

  test('of a list is the one that the rows give, each page and each search its own', async () => {
    for (const name of ['Pot A', 'Pot B', 'Pot C']) await newProduct(name);
    const page = (query: object) => async () => {
      const { data } = await ada.client.products.get({ query });
      return data!.data.map(({ name }) => name);
    };
    expect(await fromCache(page({ search: 'pot' }))).toEqual(['Pot C', 'Pot B', 'Pot A']);
    expect(await fromCache(page({ search: 'pot', limit: 1, page: 2 }))).toEqual(['Pot B']);
    expect(await fromCache(page({ search: 'pot a' }))).toEqual(['Pot A']);
    await newProduct('Pot D');
    expect(await page({ search: 'pot' })()).toEqual(['Pot D', 'Pot C', 'Pot B', 'Pot A']);
  });

  test('gives way to what its owner has changed, and to nothing once it is deleted', async () => {
    const { id } = await newProduct('Cup');
    const one = () => ada.client.products({ id }).get({ query: {} });
    await fromCache(one);
    await ada.client.products({ id }).patch({ price: 2 });
    expect((await one()).data?.price).toBe(2);
    expect((await fromCache(one)).data?.price).toBe(2);
    await ada.client.products({ id }).delete();
    expect((await one()).status).toBe(404);
    expect((await fromCache(one)).status).toBe(404);
  });

  test('is brought up to date when the product is, before anybody asks', async () => {
    const { id } = await newProduct('Jug');
    await fromCache(() => ada.client.products({ id }).get({ query: {} }));
    await ada.client.products({ id }).patch({ price: 7 });
    await until(async () => {
      const contents = Object.entries(await redis.contents());
      return contents.some(([key, text]) => key.includes(id) && text.includes('"priceCents":700'));
    });
  });

  test('about a person shows nothing of them in Redis', async () => {
    const { data } = await fromCache(() => ada.client.profile.get());
    expect(data).toMatchObject({ name: 'Ada of Marylebone', email: ada.email });
    const contents = JSON.stringify(await redis.contents());
    expect(contents).toContain(ada.user.id);
    expect(contents).not.toContain('Marylebone');
    expect(contents).not.toContain(ada.email.split('@')[0]!);
  });

  test('of a search shows nothing of what was searched for in Redis', async () => {
    const search = 'Grace of Arlington';
    await fromCache(() => ada.client.products.get({ query: { search } }));
    const contents = JSON.stringify(await redis.contents());
    expect(contents).toContain('answer:products');
    expect(contents).not.toContain('Arlington');
  });

  test('is not asked for where reading rows is cheaper', async () => {
    const plain = await startServer({ redisUrl: redis.url });
    try {
      expect(plain.application.shared.answers).toBeUndefined();
    } finally {
      await plain.stop();
    }
  });
});

describe('a server without its Redis', () => {
  test('is ready, and says what it lacks', async () => {
    await redis.kill();
    const away = await eventually(
      () => redisCheck(),
      ({ message }) => message !== undefined,
    );
    expect(away).toEqual({ name: 'redis', ok: true, message: expect.stringMatching(/^away: ./) });
    expect((await send(server.url, 'GET /ready')).status).toBe(200);
  });

  test('starts, serves and stops', async () => {
    const alone = await startServer({ redisUrl: redis.url, cachesAnswers: true });
    try {
      const bob = await signUp(alone.url, { name: 'Bob' });
      expect((await bob.client.profile.get()).data?.name).toBe('Bob');
    } finally {
      await alone.stop();
    }
  });

  test('finds it again', async () => {
    await redis.restartEmpty();
    await eventually(
      () => redisCheck(),
      ({ message }) => message === undefined,
    );
    await fromCache(() => ada.client.profile.get());
  });
});

describe('a limit', () => {
  test('is counted in Redis, and still holds when that is gone', async () => {
    const limited = await startServer({
      redisUrl: redis.url,
      rateLimits: { auth: 0, passwords: 0, commands: 3 },
    });
    try {
      const cleo = await signUp(limited.url, { name: 'Cleo' });
      await eventually(
        () => redisCheck(limited.url),
        ({ message }) => message === undefined,
      );
      await until(() => Date.now() % 60_000 < 55_000); // what follows lies within one window
      const rename = async () => (await cleo.client.profile.patch({ name: 'Cleo' })).status;
      expect([await rename(), await rename()]).toEqual([200, 200]);
      await until(async () =>
        Object.entries(await redis.contents()).some(
          ([key, text]) =>
            key.endsWith(`:limits.commands:${cleo.user.id}`) && text.includes('"current":"2"'),
        ),
      );
      await redis.kill();
      expect([await rename(), await rename()]).toEqual([200, 429]);
    } finally {
      await limited.stop();
      await redis.restart();
    }
  });
});
