import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { projections as registered } from '../../src/projections/index.ts';
import { promote, signUp, startServer, type TestServer } from '../../src/testing/server.ts';
import { watchAnswers } from './declared.ts';
import { eventually, expectProblem, newSku, positionOf, send } from './requests.ts';

const answers = watchAnswers();
let server: TestServer;
let admin: Awaited<ReturnType<typeof promote>>;
let ada: Awaited<ReturnType<typeof signUp>>;

beforeAll(async () => {
  server = await startServer();
  const root = await signUp(server.url);
  admin = await promote(server, root.user.id, root.email);
  ada = await signUp(server.url);
});
afterAll(() => server.stop());

function ask(route: `${string} /${string}`, json?: unknown, headers: Record<string, string> = {}) {
  const token = admin.accessToken;
  return send(
    server.url,
    route,
    json === undefined ? { token, headers } : { token, headers, json },
  );
}

async function projections() {
  const { data } = await admin.client.admin.projections.get();
  return data!.data;
}

describe('the administration', () => {
  const routes = [
    ['GET /admin/users', undefined],
    ['PATCH /admin/users/someone/role', {}],
    ['GET /admin/projections', undefined],
    ['GET /admin/events', undefined],
    ['GET /admin/streams/product-1', undefined],
    ['POST /admin/projections/users/rebuild', undefined],
  ] as const;

  test.each(routes)('is closed to strangers: %s', async (route, json) => {
    const response = await send(server.url, route, json === undefined ? {} : { json });
    await expectProblem(response, 401, 'UNAUTHORIZED');
  });

  test.each(routes)('is closed to users: %s', async (route, json) => {
    const token = ada.accessToken;
    const response = await send(
      server.url,
      route,
      json === undefined ? { token } : { token, json },
    );
    await expectProblem(response, 403, 'FORBIDDEN');
  });

  test.each(routes)('is closed to moderators: %s', async (route, json) => {
    const { user, email } = await signUp(server.url);
    const { accessToken: token } = await promote(server, user.id, email, 'moderator');
    const response = await send(
      server.url,
      route,
      json === undefined ? { token } : { token, json },
    );
    await expectProblem(response, 403, 'FORBIDDEN');
  });
});

describe('the list of users', () => {
  test('has everybody, newest first, as they are and nothing secret', async () => {
    const newest = await signUp(server.url, { name: 'Newest' });
    const { data } = await admin.client.admin.users.get({ query: { limit: 100 } });
    expect(data!.data[0]).toEqual(newest.user);
    expect(data).toMatchObject({ total: data!.data.length, page: 1, pages: 1 });
    expect(data!.data.map(({ email }) => email)).toContain(admin.email);
    expect(JSON.stringify(data)).not.toMatch(/password|hash|argon/i);
  });

  test('is searched by name and by address', async () => {
    const { user } = await signUp(server.url, { name: 'Zoë Quine' });
    for (const search of ['zoË qu', user.email.toUpperCase()]) {
      const { data } = await admin.client.admin.users.get({ query: { search } });
      expect(data).toMatchObject({ data: [user], total: 1 });
    }
  });
});

describe('changing a role', () => {
  test('answers the user, and shows in the list', async () => {
    const { user } = await signUp(server.url);
    const { data, response } = await admin.client.admin
      .users({ id: user.id })
      .role.patch({ role: 'moderator' });
    expect(data).toEqual({ ...user, role: 'moderator', version: 2, updatedAt: data!.updatedAt });
    expect(response.headers.get('etag')).toBe('"2"');
    expect(positionOf(response)).toBeGreaterThan(0);
    const { data: list } = await admin.client.admin.users.get({ query: { search: user.email } });
    expect(list?.data).toEqual([data!]);
  });

  test('to what it is already stores nothing', async () => {
    const { user } = await signUp(server.url);
    const { data } = await admin.client.admin.users({ id: user.id }).role.patch({ role: 'user' });
    expect(data).toEqual(user);
  });

  test('is refused when the version seen is old', async () => {
    const { user } = await signUp(server.url);
    const route = `PATCH /admin/users/${user.id}/role` as const;
    const response = await ask(route, { role: 'admin' }, { 'if-match': '"2"' });
    await expectProblem(response, 412, 'PRECONDITION_FAILED');
  });

  test('of nobody is not found', async () => {
    const response = await ask('PATCH /admin/users/nobody/role', { role: 'admin' });
    await expectProblem(response, 404, 'NOT_FOUND');
  });

  test.each([{}, { role: 'root' }, { role: null }, { role: ['admin'] }, { role: 'user', x: 1 }])(
    'is refused with %j',
    async (json) => {
      const response = await ask(`PATCH /admin/users/${ada.user.id}/role`, json);
      await expectProblem(response, 422, 'VALIDATION_ERROR');
    },
  );
});

describe('the read models', () => {
  test('tell how far they are', async () => {
    await server.reactedToAll();
    const { response } = await ada.client.products.post({ name: 'Mug', price: 1, sku: newSku() });
    const all = await projections();
    const names = registered.map(({ name }) => name);
    expect(all.map(({ name }) => name).toSorted()).toEqual(names.toSorted());
    for (const one of all) {
      expect(one).toEqual({
        name: one.name,
        version: 1,
        position: positionOf(response),
        head: positionOf(response),
        lag: 0,
        status: 'live',
        progress: 1,
        parked: [],
      });
    }
  });

  test('are rebuilt into the same rows', async () => {
    const { data: before } = await ada.client.products.get({ query: { limit: 100 } });
    expect(before!.total).toBeGreaterThan(0);
    const { data, status } = await admin.client.admin
      .projections({ name: 'products' })
      .rebuild.post();
    expect(status).toBe(202);
    expect(data).toEqual({ name: 'products', status: 'rebuilding' });
    await eventually(projections, (all) => all.every((one) => one.status === 'live'));
    const { data: after } = await ada.client.products.get({ query: { limit: 100 } });
    expect(after).toEqual(before!);
  });

  test('follow the log during a rebuild and after it', async () => {
    await ask('POST /admin/projections/products/rebuild');
    const skus: string[] = [];
    const isOver = async () => {
      const sku = newSku();
      const { data } = await ada.client.products.post({ name: 'Mug', price: 1, sku });
      skus.push(sku);
      expect((await ada.client.products({ id: data!.id }).get({ query: {} })).status).toBe(200);
      return await projections();
    };
    await eventually(isOver, (all) => all.every((one) => one.status === 'live'));
    await isOver();
    for (const search of skus) {
      const { data } = await ada.client.products.get({ query: { search } });
      expect(data?.total).toBe(1);
    }
  });

  test('are rebuilt one at a time each', async () => {
    const [first, second] = await Promise.all([
      ask('POST /admin/projections/users/rebuild'),
      ask('POST /admin/projections/users/rebuild'),
    ]);
    expect([first.status, second.status].toSorted()).toEqual([202, 409]);
    await expectProblem(first.status === 409 ? first : second, 409, 'REBUILD_RUNNING');
    await eventually(projections, (all) => all.every((one) => one.status === 'live'));
    expect((await ask('POST /admin/projections/users/rebuild')).status).toBe(202);
    await eventually(projections, (all) => all.every((one) => one.status === 'live'));
  });

  test.each(['nothing', '__proto__', 'Products', '%2e%2e'])(
    'have no %s to rebuild',
    async (name) => {
      await expectProblem(await ask(`POST /admin/projections/${name}/rebuild`), 404, 'NOT_FOUND');
    },
  );
});

answers.testsThatAllAreAsDeclared(() => server.url);

describe('the log, for admins', () => {
  type Page = {
    readonly data: readonly {
      readonly position: number;
      readonly version: number;
      readonly type: string;
      readonly stream: string;
      readonly data: Readonly<Record<string, unknown>>;
    }[];
    readonly nextAfter: number | null;
  };

  /** Every page, one after the other. */
  async function pagesOf(path: string, query = '') {
    const events: Page['data'][number][] = [];
    let after: number | null = 0;
    while (after !== null) {
      const response = await ask(
        `GET ${path}?limit=3&after=${after}${query}` as 'GET /admin/events',
      );
      expect(response.status).toBe(200);
      const page = (await response.json()) as Page;
      expect(page.data.length).toBeLessThanOrEqual(3);
      events.push(...page.data);
      ({ nextAfter: after } = page);
    }
    return events;
  }

  test('is whole, in order, and without the address of anybody else', async () => {
    const bob = await signUp(server.url, { name: 'Bob Whole' });
    await bob.client.chat({ room: 'lobby' }).messages.post({ text: 'Hello.' });
    const events = await pagesOf('/admin/events');
    expect(events.map(({ position }) => position)).toEqual(events.map((_, index) => index + 1));
    const registered = events.find(({ stream }) => stream === `user-${bob.user.id}`)!;
    expect(registered).toMatchObject({ type: 'UserRegistered', data: { name: 'Bob Whole' } });
    expect(JSON.stringify(events)).not.toContain(bob.email);
  });

  test('can be filtered by type and by stream', async () => {
    const { data: product } = await ada.client.products.post({
      name: 'Mug',
      price: 1,
      sku: newSku(),
    });
    await ada.client.products({ id: product!.id }).patch({ price: 2 });
    const created = await pagesOf('/admin/events', '&types=ProductCreated');
    expect(new Set(created.map(({ type }) => type))).toEqual(new Set(['ProductCreated']));
    const ofIt = await pagesOf('/admin/events', `&stream=product-${product!.id}`);
    expect(ofIt.map(({ version }) => version)).toEqual([1, 2]);
  });

  test('shows one stream, page by page', async () => {
    const { data: product } = await ada.client.products.post({
      name: 'Mug',
      price: 1,
      sku: newSku(),
    });
    for (const price of [2, 3, 4, 5]) {
      await ada.client.products({ id: product!.id }).patch({ price });
    }
    const stream = `product-${product!.id}`;
    const events = await pagesOf(`/admin/streams/${stream}`);
    expect(events.map(({ version }) => version)).toEqual([1, 2, 3, 4, 5]);
    expect(new Set(events.map((event) => event.stream))).toEqual(new Set([stream]));
    const beyond = await ask(`GET /admin/streams/${stream}?after=5`);
    expect(await beyond.json()).toEqual({ data: [], nextAfter: null });
  });

  test.each(['?after=0', '?after=7', ''])('knows no stream that is none: %s', async (query) => {
    const response = await ask(`GET /admin/streams/product-${crypto.randomUUID()}${query}`);
    await expectProblem(response, 404, 'NOT_FOUND');
  });

  test.each(['after=-1', 'after=x', 'limit=0', 'limit=101'])('refuses %s', async (query) => {
    for (const path of ['/admin/events', '/admin/streams/product-1'] as const) {
      await expectProblem(await ask(`GET ${path}?${query}`), 422, 'VALIDATION_ERROR');
    }
  });

  test('shows nothing of somebody erased', async () => {
    const carol = await signUp(server.url, { name: 'Carol Gone' });
    expect((await ask(`DELETE /admin/users/${carol.user.id}`)).status).toBe(204);
    const events = await pagesOf(`/admin/streams/user-${carol.user.id}`);
    expect(events.map(({ type }) => type)).toEqual(['UserRegistered', 'UserErased']);
    expect(events[0]!.data['name']).toBe('[erased]');
  });
});
