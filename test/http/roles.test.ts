// Who may do what, asked of every route that the OpenAPI document has: a new one is covered by being there.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { promote, signIn, signUp, startServer, type TestServer } from '../../src/testing/server.ts';
import { png } from '../../src/testing/image-bytes.ts';
import { expectProblem, newSku, send } from './requests.ts';

type Role = 'user' | 'moderator' | 'admin';
type Operation = {
  readonly security?: readonly Readonly<Record<string, readonly Role[]>>[];
  readonly responses: Readonly<Record<string, unknown>>;
};
type Route = {
  readonly method: string;
  readonly path: string;
  readonly isOpen: boolean;
  readonly role: Role | undefined;
  /** That of a thing which belongs to somebody. */
  readonly isOwned: boolean;
};

const ranks: readonly Role[] = ['user', 'moderator', 'admin'];
const server = await startServer();
afterAll(() => server.stop());
const routes = await routesOf(server);

async function routesOf({ url }: TestServer): Promise<Route[]> {
  const document = (await (await fetch(`${url}/docs/json`)).json()) as {
    readonly security: NonNullable<Operation['security']>;
    readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  };
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { security = document.security, responses }]) => {
      const bearer = security.find((one) => 'bearerAuth' in one);
      const role = bearer?.['bearerAuth']?.[0];
      return {
        method: method.toUpperCase(),
        path,
        isOpen: security.length === 0 || security.some((one) => !('bearerAuth' in one)),
        role,
        isOwned: /\{\w*[iI]d\}/.test(path) && method !== 'get' && !role && '404' in responses,
      };
    }),
  );
}

const named = (chosen: readonly Route[]) =>
  chosen.map((route) => [`${route.method} ${route.path}`, route] as const);

/** With something in each place of its path. */
const filled = (path: string, id: string = crypto.randomUUID()) =>
  path.replaceAll(/\{(\w+)\}/g, (_, name: string) => (name === 'room' ? 'lobby' : id));

const ask = ({ method }: Route, path: string, token?: string) =>
  send(server.url, `${method} ${path}` as `${string} /${string}`, {
    ...(token !== undefined && { token }),
    ...(method !== 'GET' && { json: { nonsense: true } }),
  });

describe('the document', () => {
  test('says of every route who may ask', () => {
    expect(routes.length).toBeGreaterThan(25);
    const open = routes
      .filter(({ isOpen }) => isOpen)
      .map(({ method, path }) => `${method} ${path}`);
    expect(open.toSorted()).toEqual([
      'GET /health',
      'GET /images/{name}',
      'GET /metrics',
      'GET /ready',
      'POST /auth/login',
      'POST /auth/logout',
      'POST /auth/refresh',
      'POST /auth/register',
    ]);
  });

  test('asks for a role wherever only admins may be, and nowhere else', () => {
    const ruled = routes.filter(({ role }) => role !== undefined);
    const admins = routes.filter(({ path }) => path.startsWith('/admin/'));
    expect(ruled).toEqual(admins);
    expect(admins.length).toBeGreaterThan(5);
    expect(new Set(admins.map(({ role }) => role))).toEqual(new Set<Role>(['admin']));
  });
});

describe('whoever is not signed in', () => {
  test.each(named(routes.filter(({ isOpen }) => !isOpen)))('is refused %s', async (_, route) => {
    const response = await ask(route, filled(route.path));
    expect(response.headers.get('www-authenticate')).toStartWith('Bearer');
    await expectProblem(response, 401, 'UNAUTHORIZED');
  });
});

describe('a role that is too low', () => {
  const tokens = new Map<Role, string>();

  beforeAll(async () => {
    for (const role of ranks) {
      const { accessToken, user, email } = await signUp(server.url);
      const held =
        role === 'user' ? accessToken : (await promote(server, user.id, email, role)).accessToken;
      tokens.set(role, held);
    }
  });

  const lower = routes.flatMap((route) =>
    ranks
      .slice(0, route.role ? ranks.indexOf(route.role) : 0)
      .map((role) => [role, `${route.method} ${route.path}`, route] as const),
  );

  test.each(lower)('%s is refused %s', async (role, _, route) => {
    await expectProblem(await ask(route, filled(route.path), tokens.get(role)!), 403, 'FORBIDDEN');
  });

  test('is the reason: the one that is asked for gets further', async () => {
    for (const route of routes.filter(({ role }) => role !== undefined)) {
      const { status } = await ask(route, filled(route.path), tokens.get(route.role!)!);
      expect([route.path, status === 401 || status === 403]).toEqual([route.path, false]);
    }
  });
});

type Owner = Awaited<ReturnType<typeof signUp>>;

/** How something that belongs to somebody comes to be, by where it is; the answer is its id. */
const made: Readonly<Record<string, (owner: Owner, stranger: Owner) => Promise<string>>> = {
  '/products/{id}': productOf,
  '/products/{id}/image': productOf,
  '/chat/{room}/messages/{id}': async ({ client }) => {
    const { data } = await client.chat({ room: 'lobby' }).messages.post({ text: 'Mine' });
    return data!.id;
  },
  '/profile/sessions/{id}': async ({ client, email }) => {
    await signIn(server.url, email);
    const { data } = await client.profile.sessions.get({ query: {} });
    return data!.data.find(({ current }) => !current)!.id;
  },
  '/notifications/{id}/read': async ({ client, user }, stranger) => {
    await stranger.client.chat({ room: 'lobby' }).messages.post({ text: `@${user.email}` });
    await server.reactedToAll();
    const { data } = await client.notifications.get({ query: {} });
    return data!.data[0]!.id;
  },
};

async function productOf({ client }: Owner) {
  const { data } = await client.products.post({ name: 'Mug', price: 1, sku: newSku() });
  return data!.id;
}

/** What its owner would send. */
const bodies: Readonly<Record<string, Parameters<typeof send>[2]>> = {
  'PATCH /products/{id}': { json: { price: 2 } },
  'PUT /products/{id}/image': { body: png(), headers: { 'content-type': 'image/png' } },
};

describe('a stranger to what belongs to somebody', () => {
  test.each(named(routes.filter(({ isOwned }) => isOwned)))(
    'is refused %s, and its owner is not',
    async (name, { method, path }) => {
      const [owner, stranger] = [await signUp(server.url), await signUp(server.url)];
      const id = await made[path]?.(owner, stranger);
      if (id === undefined) throw new Error(`Say in this file how a thing at ${path} is made.`);
      const route = `${method} ${filled(path, id)}` as `${string} /${string}`;
      const sent = bodies[name] ?? {};
      const refused = await send(server.url, route, { ...sent, token: stranger.accessToken });
      expect([403, 404]).toContain(refused.status);
      await expectProblem(
        refused,
        refused.status,
        refused.status === 403 ? 'FORBIDDEN' : 'NOT_FOUND',
      );
      const allowed = await send(server.url, route, { ...sent, token: owner.accessToken });
      const withoutImage = name === 'DELETE /products/{id}/image' ? 404 : undefined;
      expect([200, 204, withoutImage]).toContain(allowed.status);
    },
  );
});
