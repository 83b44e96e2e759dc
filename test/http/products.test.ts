import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { promote, signUp, startServer, type TestServer } from '../../src/testing/server.ts';
import { watchAnswers } from './declared.ts';
import { expectProblem, isoTime, newSku, positionOf, send, uuid7 } from './requests.ts';

const answers = watchAnswers();
let server: TestServer;
let ada: Awaited<ReturnType<typeof signUp>>;
let eve: Awaited<ReturnType<typeof signUp>>;
let moderator: Awaited<ReturnType<typeof promote>>;
let admin: Awaited<ReturnType<typeof promote>>;

beforeAll(async () => {
  server = await startServer();
  const [mo, root] = [await signUp(server.url), await signUp(server.url)];
  ada = await signUp(server.url);
  eve = await signUp(server.url);
  moderator = await promote(server, mo.user.id, mo.email, 'moderator');
  admin = await promote(server, root.user.id, root.email);
});
afterAll(() => server.stop());

async function create({ name = 'Mug', price = 12.5, sku = newSku() } = {}) {
  const { data, response } = await ada.client.products.post({ name, price, sku });
  return { ...data!, position: positionOf(response) };
}

const unknownId = '01900000-0000-7000-8000-000000000000';

function post(json: unknown) {
  return send(server.url, 'POST /products', { token: ada.accessToken, json });
}

function ask(route: `${string} /${string}`, json?: unknown, headers: Record<string, string> = {}) {
  const token = ada.accessToken;
  return send(
    server.url,
    route,
    json === undefined ? { token, headers } : { token, headers, json },
  );
}

describe('creating a product', () => {
  test('answers it, its tag, its address and its position', async () => {
    const sku = newSku();
    const { data, status, response } = await ada.client.products.post({
      name: ' Mug ',
      price: 12.5,
      sku: ` ${sku} `,
    });
    expect(status).toBe(201);
    expect(data).toEqual({
      id: expect.stringMatching(uuid7),
      name: 'Mug',
      sku,
      price: 12.5,
      image: null,
      createdBy: ada.user.id,
      version: 1,
      createdAt: expect.stringMatching(isoTime),
      updatedAt: data!.createdAt,
    });
    expect(response.headers.get('etag')).toBe('"1"');
    expect(response.headers.get('location')).toBe(`/products/${data!.id}`);
    expect(positionOf(response)).toBeGreaterThan(0);
  });

  test.each([0, 0.01, 0.29, 1.1, 19.99, 1_234_567.89, 9_999_999.99, 10_000_000])(
    'keeps the price %p to the cent',
    async (price) => {
      const { id } = await create({ price });
      const { data } = await eve.client.products({ id }).get({ query: {} });
      expect(data?.price).toBe(price);
    },
  );

  test.each([
    -0.01,
    0.001,
    1.005,
    0.1 + 0.2,
    1e-7,
    10_000_000.01,
    1e308,
    '12.50',
    null,
    true,
    { amount: 1 },
  ])('refuses the price %p', async (price) => {
    const response = await post({ name: 'Mug', price, sku: newSku() });
    const { details } = await expectProblem(response, 422, 'VALIDATION_ERROR');
    expect(details.map(({ path }) => path)).toEqual(['/price']);
  });

  test('takes a SKU of 64 characters between spaces', async () => {
    const sku = newSku().padEnd(64, 'x');
    expect(await create({ sku: `  ${sku}  ` })).toMatchObject({ sku });
  });

  test.each(['', '   ', 'x'.repeat(65), 'two\nlines', 7])('refuses the SKU %p', async (sku) => {
    const response = await post({ name: 'Mug', price: 1, sku });
    const { details } = await expectProblem(response, 422, 'VALIDATION_ERROR');
    expect(details.map(({ path }) => path)).toEqual(['/sku']);
  });

  test('refuses a SKU that another product has, whatever its case and the spaces around', async () => {
    const { sku } = await create({ sku: `äpfel-${newSku()}` });
    for (const spelling of [sku, sku.toUpperCase(), `  ${sku}\u0020`]) {
      const response = await post({ name: 'Copy', price: 1, sku: spelling });
      await expectProblem(response, 409, 'SKU_TAKEN');
    }
  });

  test('takes the SKU of a product that is deleted', async () => {
    const { id, sku } = await create();
    await ada.client.products({ id }).delete();
    expect(await create({ sku: sku.toLowerCase() })).toMatchObject({ sku: sku.toLowerCase() });
  });
});

describe('a product', () => {
  test('is read by everybody who is signed in, with its tag', async () => {
    const { position: _, ...product } = await create();
    const { data, response } = await eve.client.products({ id: product.id }).get({ query: {} });
    expect(data).toEqual(product);
    expect(response.headers.get('etag')).toBe('"1"');
  });

  test('stands first in the list, once', async () => {
    const { position: _, ...product } = await create();
    const { data } = await eve.client.products.get({ query: {} });
    expect(data?.data[0]).toEqual(product);
    expect(data?.data.filter(({ id }) => id === product.id)).toHaveLength(1);
  });

  test.each([
    ['GET /products', undefined],
    ['POST /products', {}],
    [`GET /products/${unknownId}`, undefined],
    [`GET /products/${unknownId}/history`, undefined],
    [`PATCH /products/${unknownId}`, {}],
    [`DELETE /products/${unknownId}`, undefined],
  ] as const)('is closed to strangers: %s', async (route, json) => {
    const response = await send(server.url, route, json === undefined ? {} : { json });
    await expectProblem(response, 401, 'UNAUTHORIZED');
  });

  test.each([
    [`GET /products/${unknownId}`, undefined],
    [`GET /products/${unknownId}/history`, undefined],
    [`GET /products/${unknownId}?asOf=1`, undefined],
    [`PATCH /products/${unknownId}`, { price: 1 }],
    [`DELETE /products/${unknownId}`, undefined],
    ['GET /products/no-uuid', undefined],
  ] as const)('that never was is not found: %s', async (route, json) => {
    await expectProblem(await ask(route, json), 404, 'NOT_FOUND');
  });
});

describe('revising a product', () => {
  test('changes what is named and leaves the rest', async () => {
    const { id, name, sku } = await create();
    const { data, status, response } = await ada.client.products({ id }).patch({ price: 9.99 });
    expect(status).toBe(200);
    expect(data).toMatchObject({ id, name, sku, price: 9.99, version: 2 });
    expect(response.headers.get('etag')).toBe('"2"');
    const renamed = await ada.client.products({ id }).patch({ name: ' Cup ' });
    expect(renamed.data).toMatchObject({ name: 'Cup', price: 9.99, version: 3 });
    expect((await eve.client.products({ id }).get({ query: {} })).data).toEqual(renamed.data!);
  });

  test('to what it is already stores nothing', async () => {
    const { id, name, price } = await create();
    const { data, response } = await ada.client.products({ id }).patch({ name, price });
    expect(data?.version).toBe(1);
    expect(response.headers.get('etag')).toBe('"1"');
  });

  test('is for its creator, moderators and admins', async () => {
    const { id } = await create();
    const path = `/products/${id}` as const;
    const json = { price: 1 };
    const refused = await send(server.url, `PATCH ${path}`, { token: eve.accessToken, json });
    await expectProblem(refused, 403, 'FORBIDDEN');
    expect((await moderator.client.products({ id }).patch({ price: 2 })).status).toBe(200);
    expect((await admin.client.products({ id }).patch({ price: 3 })).status).toBe(200);
    expect((await ada.client.products({ id }).get({ query: {} })).data?.price).toBe(3);
  });

  test.each([
    ['nothing', {}],
    ['another SKU', { sku: 'OTHER' }],
    ['a blank name', { name: ' ' }],
    ['a price of half a cent', { price: 0.005 }],
  ])('is refused with %s', async (_, json) => {
    const { id } = await create();
    await expectProblem(await ask(`PATCH /products/${id}`, json), 422, 'VALIDATION_ERROR');
  });

  test('is refused when the version seen is old', async () => {
    const { id } = await create();
    const fresh = await ask(`PATCH /products/${id}`, { price: 1 }, { 'if-match': '"1"' });
    expect(fresh.status).toBe(200);
    const stale = await ask(`PATCH /products/${id}`, { price: 2 }, { 'if-match': '"1"' });
    await expectProblem(stale, 412, 'PRECONDITION_FAILED');
    expect((await ada.client.products({ id }).get({ query: {} })).data?.price).toBe(1);
  });

  test('is done at any version with `If-Match: *`', async () => {
    const { id } = await create();
    const response = await ask(`PATCH /products/${id}`, { price: 1 }, { 'if-match': '*' });
    expect(response.status).toBe(200);
  });

  test.each(['1', 'W/"1"', '"one"', '""', '"1" '.repeat(2)])(
    'is refused with the tag %p, which no product has',
    async (tag) => {
      const { id } = await create();
      const response = await ask(`PATCH /products/${id}`, { price: 1 }, { 'if-match': tag });
      await expectProblem(response, 412, 'PRECONDITION_FAILED');
    },
  );
});

describe('deleting a product', () => {
  test('takes it from every read', async () => {
    const { id, sku } = await create();
    const { status, response } = await ada.client.products({ id }).delete();
    expect(status).toBe(204);
    expect(positionOf(response)).toBeGreaterThan(0);
    await expectProblem(await ask(`GET /products/${id}`), 404, 'NOT_FOUND');
    const { data } = await ada.client.products.get({ query: { search: sku } });
    expect(data).toMatchObject({ data: [], total: 0, pages: 0 });
  });

  test('twice is not found', async () => {
    const { id } = await create();
    await ada.client.products({ id }).delete();
    await expectProblem(await ask(`DELETE /products/${id}`), 404, 'NOT_FOUND');
    await expectProblem(await ask(`PATCH /products/${id}`, { price: 1 }), 404, 'NOT_FOUND');
  });

  test('is for its creator, moderators and admins', async () => {
    const [first, second] = [await create(), await create()];
    const route = `DELETE /products/${first.id}` as const;
    const refused = await send(server.url, route, { token: eve.accessToken });
    await expectProblem(refused, 403, 'FORBIDDEN');
    expect((await moderator.client.products({ id: first.id }).delete()).status).toBe(204);
    expect((await admin.client.products({ id: second.id }).delete()).status).toBe(204);
  });

  test('is refused when the version seen is old', async () => {
    const { id } = await create();
    await ada.client.products({ id }).patch({ price: 1 });
    const stale = await ask(`DELETE /products/${id}`, undefined, { 'if-match': '"1"' });
    await expectProblem(stale, 412, 'PRECONDITION_FAILED');
    const fresh = await ask(`DELETE /products/${id}`, undefined, { 'if-match': '"2"' });
    expect(fresh.status).toBe(204);
  });
});

describe('the history of a product', () => {
  test('has its events, oldest first, with who and when', async () => {
    const { id, position } = await create({ price: 1 });
    await ada.client.products({ id }).patch({ name: 'Cup', price: 2 });
    await moderator.client.products({ id }).delete();
    const { data } = await eve.client.products({ id }).history.get();
    const entries = data!.data;
    expect(entries.map(({ type, version }) => [type, version])).toEqual([
      ['ProductCreated', 1],
      ['ProductRenamed', 2],
      ['ProductRepriced', 3],
      ['ProductDeleted', 4],
    ]);
    const actors = entries.map(({ actorId }) => actorId);
    expect(new Set(actors.slice(0, 3))).toEqual(new Set([ada.user.id]));
    expect(actors[3]).not.toBe(ada.user.id);
    expect(entries[0]).toMatchObject({ position, time: expect.stringMatching(isoTime) });
    expect(entries[2]!.data).toEqual({ priceCents: 200, previousCents: 100 });
    const positions = entries.map(({ position }) => position);
    expect(positions).toEqual(positions.toSorted((a, b) => a - b));
  });
});

describe('the past of a product', () => {
  test('is what it was at a position', async () => {
    const { id, position } = await create({ price: 1 });
    const repriced = await ada.client.products({ id }).patch({ price: 2 });
    const deleted = await ada.client.products({ id }).delete();
    const at = async (asOf: number) =>
      (await eve.client.products({ id }).get({ query: { asOf: String(asOf) } })).data?.price;
    expect(await at(position)).toBe(1);
    expect(await at(positionOf(repriced.response) - 1)).toBe(1);
    expect(await at(positionOf(repriced.response))).toBe(2);
    expect(await at(positionOf(deleted.response) - 1)).toBe(2);
    for (const asOf of [position - 1, 0, positionOf(deleted.response)]) {
      await expectProblem(await ask(`GET /products/${id}?asOf=${asOf}`), 404, 'NOT_FOUND');
    }
  });

  test('is what it was at a time', async () => {
    const { id, createdAt } = await create({ price: 1 });
    const { data } = await eve.client.products({ id }).get({ query: { asOf: createdAt } });
    expect(data).toMatchObject({ id, price: 1, version: 1 });
    const before = new Date(Date.parse(createdAt) - 1).toISOString();
    await expectProblem(await ask(`GET /products/${id}?asOf=${before}`), 404, 'NOT_FOUND');
  });

  test('understands a time with an offset', async () => {
    const { id } = await create({ price: 1 });
    const asOf = encodeURIComponent('2099-01-01T00:00:00+02:00');
    expect((await ask(`GET /products/${id}?asOf=${asOf}`)).status).toBe(200);
  });

  test.each([
    '',
    'yesterday',
    '-1',
    '1.5',
    '2026-99-99T99:99Z',
    '2026-01-01T00:00',
    '1'.repeat(16),
  ])('cannot be asked for as of %p', async (asOf) => {
    const { id } = await create();
    const response = await ask(`GET /products/${id}?asOf=${encodeURIComponent(asOf)}`);
    const { details } = await expectProblem(response, 422, 'VALIDATION_ERROR');
    expect(details.map(({ path }) => path)).toEqual(['/asOf']);
  });
});

answers.testsThatAllAreAsDeclared(() => server.url);
