import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { promote, signUp, startServer, type TestServer } from '../../src/testing/server.ts';
import { watchAnswers } from './declared.ts';
import { expectProblem, newSku, send } from './requests.ts';

const answers = watchAnswers();
let server: TestServer;
let admin: Awaited<ReturnType<typeof promote>>;

beforeAll(async () => {
  server = await startServer();
  const root = await signUp(server.url, { name: 'Root' });
  admin = await promote(server, root.user.id, root.email);
});
afterAll(() => server.stop());

async function create(...names: readonly string[]) {
  for (const name of names) await admin.client.products.post({ name, price: 1, sku: newSku() });
}

async function namesFound(search: string) {
  const { data } = await admin.client.products.get({ query: { search, limit: 100 } });
  expect(data!.total).toBe(data!.data.length);
  return data!.data.map(({ name }) => name).toSorted();
}

describe('searching', () => {
  beforeAll(() =>
    create(
      '100% wool',
      '100 wool',
      'snake_case',
      'snakeXcase',
      String.raw`back\slash`,
      'backslash',
      'äpfel',
      'Äpfel und Birnen',
      'apfel',
      'ΣΊΣΥΦΟΣ',
      'Crème brûlée'.normalize('NFD'),
      "O'Brien",
    ),
  );

  test.each([
    ['100%', ['100% wool']],
    ['%', ['100% wool']],
    ['e_c', ['snake_case']],
    ['_', ['snake_case']],
    ['\\', [String.raw`back\slash`]],
    [String.raw`k\s`, [String.raw`back\slash`]],
    [String.raw`\%`, []],
    ["'", ["O'Brien"]],
    ['*', []],
    ['?', []],
  ])('takes %p literally', async (search, names) => {
    expect(await namesFound(search)).toEqual(names);
  });

  test.each([
    ['ÄPFEL', ['Äpfel und Birnen', 'äpfel']],
    ['äpfel', ['Äpfel und Birnen', 'äpfel']],
    ['SNAKE', ['snakeXcase', 'snake_case']],
    ['σίσυφ', ['ΣΊΣΥΦΟΣ']],
    ['CRÈME BRÛLÉE', ['Crème brûlée'.normalize('NFD')]],
    ['crème'.normalize('NFD'), ['Crème brûlée'.normalize('NFD')]],
  ])('finds %p whatever the case and the Unicode form', async (search, names) => {
    expect((await namesFound(search)).toSorted()).toEqual(names.toSorted());
  });

  test('finds products by their SKU', async () => {
    const sku = `Grün-${newSku()}`;
    const { data } = await admin.client.products.post({ name: 'Shirt', price: 1, sku });
    const found = await admin.client.products.get({ query: { search: sku.toUpperCase() } });
    expect(found.data).toMatchObject({ data: [data!], total: 1, pages: 1 });
  });

  test('does not find across the border of name and SKU', async () => {
    await admin.client.products.post({ name: 'left', price: 1, sku: 'RIGHT' });
    expect(await namesFound('leftright')).toEqual([]);
    expect(await namesFound('left\nright')).toEqual([]);
  });

  test('takes everything for no search', async () => {
    const { data } = await admin.client.products.get({ query: {} });
    const empty = await admin.client.products.get({ query: { search: '' } });
    expect(empty.data).toEqual(data!);
    expect(data!.total).toBeGreaterThan(10);
  });

  test.each(['%00', 'a'.repeat(201)])('refuses what nothing can be called: %s', async (search) => {
    const token = admin.accessToken;
    const response = await send(server.url, `GET /products?search=${search}`, { token });
    const { details } = await expectProblem(response, 422, 'VALIDATION_ERROR');
    expect(details.map(({ path }) => path)).toEqual(['/search']);
  });
});

describe('a list of five in pages of two', () => {
  beforeAll(() => create(...[1, 2, 3, 4, 5].map((one) => `paged ${one}`)));

  test.each([
    [1, ['paged 5', 'paged 4']],
    [2, ['paged 3', 'paged 2']],
    [3, ['paged 1']],
    [4, []],
    [1_000_000, []],
  ])('has on page %p the names %j', async (page, names) => {
    const query = { search: 'paged', page, limit: 2 };
    const { data } = await admin.client.products.get({ query });
    expect(data!.data.map(({ name }) => name)).toEqual(names);
    expect(data).toMatchObject({ total: 5, page, pages: 3 });
  });

  test('has one page of exactly five', async () => {
    const { data } = await admin.client.products.get({ query: { search: 'paged', limit: 5 } });
    expect(data).toMatchObject({ total: 5, page: 1, pages: 1 });
  });

  test('has no page where nothing is found', async () => {
    const { data } = await admin.client.products.get({ query: { search: 'no such thing' } });
    expect(data).toEqual({ data: [], total: 0, page: 1, pages: 0 });
  });
});

describe.each(['/products', '/admin/users'])('the bounds of %s', (path) => {
  const ask = (query: string) =>
    send(server.url, `GET ${path as '/products'}?${query}`, { token: admin.accessToken });

  test.each(['limit=0', 'limit=101', 'limit=-1', 'limit=1.5', 'limit=x', 'limit='])(
    'refuse %s',
    async (query) => {
      const { details } = await expectProblem(await ask(query), 422, 'VALIDATION_ERROR');
      expect(details.map(({ path }) => path)).toEqual(['/limit']);
    },
  );

  test.each(['page=0', 'page=-1', 'page=1.5', 'page=x', 'page=', 'page=99999999999999999999'])(
    'refuse %s',
    async (query) => {
      const { details } = await expectProblem(await ask(query), 422, 'VALIDATION_ERROR');
      expect(details.map(({ path }) => path)).toEqual(['/page']);
    },
  );

  test.each(['limit=1', 'limit=100', 'page=1', 'page=1&limit=1&search='])(
    'take %s',
    async (query) => {
      expect((await ask(query)).status).toBe(200);
    },
  );
});

describe('a list without bounds', () => {
  test('has twenty a page', async () => {
    await create(...Array.from({ length: 21 }, (_, index) => `many ${index}`));
    const { data } = await admin.client.products.get({ query: { search: 'many' } });
    expect(data!.data).toHaveLength(20);
    expect(data).toMatchObject({ total: 21, page: 1, pages: 2 });
  });
});

answers.testsThatAllAreAsDeclared(() => server.url);
