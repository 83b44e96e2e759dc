import { afterAll, afterEach, beforeEach, describe, expect, setSystemTime, test } from 'bun:test';
import { createClient } from '../../src/client/index.ts';
import { signUp, testPassword } from '../../src/testing/server.ts';
import { startRestartable } from './restartable.ts';

const minutes = 60_000;
const mug = { name: 'Mug', price: 9.5, sku: 'MUG-1' };
const noQuery = { query: {} as never };

/** A server behind a proxy that notes what passes. */
async function startWatched() {
  const server = await startRestartable();
  const seen: string[] = [];
  const proxy = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    async fetch(request) {
      const { method } = request;
      const { pathname, search } = new URL(request.url);
      const body = method === 'GET' ? null : await request.arrayBuffer();
      const { headers } = request;
      const answer = await fetch(server.url + pathname + search, { method, headers, body });
      seen.push(`${method} ${pathname} ${answer.status}`);
      return new Response(await answer.arrayBuffer(), answer);
    },
  });
  const url = proxy.url.href;
  const { email } = await signUp(url);
  seen.length = 0;
  return {
    url,
    seen,
    credentials: { email, password: testPassword },
    forgetAccessTokens: () => server.restart(),
    async stop() {
      await proxy.stop(true);
      await server.stop();
    },
  };
}

type Watched = Awaited<ReturnType<typeof startWatched>>;
const refreshes = ({ seen }: Watched) => seen.filter((line) => line.includes('/auth/refresh'));

let watched: Watched;
beforeEach(async () => {
  watched = await startWatched();
});
afterEach(async () => {
  setSystemTime();
  await watched.stop();
});
afterAll(() => void setSystemTime());

async function signedIn(options: Parameters<typeof createClient>[1] = {}) {
  const client = createClient(watched.url, options);
  const answer = await client.signIn(watched.credentials);
  expect(answer.data?.user.email).toBe(watched.credentials.email);
  return client;
}

describe('a client that has signed in', () => {
  test('speaks for its user', async () => {
    const client = await signedIn();
    const { data } = await client.profile.get();
    expect(data?.email).toBe(watched.credentials.email);
  });

  test('is told when the password is wrong, and stays signed out', async () => {
    const client = createClient(watched.url);
    const { error } = await client.signIn({ ...watched.credentials, password: 'another one' });
    expect(error?.status).toBe(401);
    expect((await client.profile.get()).status).toBe(401);
    expect(refreshes(watched)).toEqual([]);
  });

  test('renews a token that is no longer taken, and repeats the request once', async () => {
    const client = await signedIn();
    await watched.forgetAccessTokens();
    watched.seen.length = 0;
    expect((await client.products.post(mug)).status).toBe(201);
    expect(watched.seen).toEqual([
      'POST /products 401',
      'POST /auth/refresh 200',
      'POST /products 201',
    ]);
    expect((await client.products.get(noQuery)).data?.total).toBe(1);
  });

  test('refreshes once for many requests at a time, and again when it has to', async () => {
    const client = await signedIn();
    for (const round of [1, 2, 3]) {
      await watched.forgetAccessTokens();
      const answers = await Promise.all(Array.from({ length: 10 }, () => client.profile.get()));
      expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(200));
      expect(refreshes(watched)).toHaveLength(round);
    }
  });

  test('renews a token shortly before it expires', async () => {
    const client = await signedIn();
    watched.seen.length = 0;
    setSystemTime(Date.now() + 14.6 * minutes);
    await Promise.all([client.profile.get(), client.profile.get()]);
    expect(watched.seen).toEqual([
      'POST /auth/refresh 200',
      'GET /profile 200',
      'GET /profile 200',
    ]);
  });

  test('leaves a token alone that has time left', async () => {
    const client = await signedIn();
    setSystemTime(Date.now() + 14 * minutes);
    expect((await client.profile.get()).status).toBe(200);
    expect(refreshes(watched)).toEqual([]);
  });

  test('has a session to take up, unlike one that has no cookie', async () => {
    const client = await signedIn();
    expect(await client.resume()).toBe(true);
    expect(refreshes(watched)).toEqual([]);
    expect(await createClient(watched.url).resume()).toBe(false);
  });
});

describe('a session that was ended elsewhere', () => {
  test('is over, and the caller is told once', async () => {
    let told = 0;
    const client = await signedIn({ onSignedOut: () => (told += 1) });
    const other = await signedIn();
    const passwords = { currentPassword: testPassword, newPassword: 'another long enough one' };
    expect((await other.profile.password.post(passwords)).status).toBe(204);
    const answers = await Promise.all([client.profile.get(), client.profile.get()]);
    expect(answers.map(({ status }) => status)).toEqual([401, 401]);
    expect((await client.profile.get()).status).toBe(401);
    expect(told).toBe(1);
    expect(refreshes(watched)).toEqual(['POST /auth/refresh 401']);
  });
});

describe('signing out', () => {
  test('ends the session on the server too', async () => {
    let told = 0;
    const client = await signedIn({ onSignedOut: () => (told += 1) });
    expect((await client.signOut()).status).toBe(204);
    expect((await client.profile.get()).status).toBe(401);
    expect(await client.resume()).toBe(false);
    expect(told).toBe(0);
  });

  test('leaves room for somebody else', async () => {
    const client = await signedIn();
    await client.signOut();
    expect((await client.signIn(watched.credentials)).status).toBe(200);
    await watched.forgetAccessTokens();
    expect((await client.profile.get()).status).toBe(200);
  });
});

describe('several tabs of a browser', () => {
  test('take turns to refresh', async () => {
    const names: string[] = [];
    const locks = {
      async request<Result>(name: string, work: () => Promise<Result>) {
        names.push(name);
        return await work();
      },
    };
    const client = await signedIn();
    Object.defineProperty(navigator, 'locks', { value: locks, configurable: true });
    await watched.forgetAccessTokens();
    expect((await client.profile.get()).status).toBe(200);
    Reflect.deleteProperty(navigator, 'locks');
    expect(names).toEqual([`refold refresh ${watched.url.replace(/\/$/, '')}`]);
  });
});

describe('a token that the caller looks after', () => {
  test('is read before each request, and never renewed', async () => {
    const { data } = await createClient(watched.url).signIn(watched.credentials);
    let token = data?.accessToken;
    const client = createClient(watched.url, { accessToken: () => token });
    expect((await client.profile.get()).status).toBe(200);
    token = 'none of ours';
    expect((await client.profile.get()).status).toBe(401);
    expect(refreshes(watched)).toEqual([]);
  });
});
