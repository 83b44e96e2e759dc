import { afterAll, afterEach, beforeEach, describe, expect, setSystemTime, test } from 'bun:test';
import { createClient } from '../../src/client/index.ts';
import { startCuttingProxy } from '../../src/testing/cutting-proxy.ts';
import { signUp, testPassword } from '../../src/testing/server.ts';
import { startRestartable } from './restartable.ts';

const minutes = 60_000;
const mug = { name: 'Mug', price: 9.5, sku: 'MUG-1' };
const noQuery = { query: {} as never };

type Meddle = (route: string, answer: Response) => Response | Promise<Response>;

/** A server behind a proxy that notes what passes. */
async function startWatched(overrides: Parameters<typeof startRestartable>[0] = {}) {
  const server = await startRestartable(overrides);
  const seen: string[] = [];
  let meddle: Meddle = (_, answer) => answer;
  let refused: string | undefined;
  const proxy = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    async fetch(request) {
      const { method } = request;
      const { pathname, search } = new URL(request.url);
      if (refused === `${method} ${pathname}`) return new Response('', { status: 503 });
      const body = method === 'GET' ? null : await request.arrayBuffer();
      const { headers } = request;
      const answer = await fetch(server.url + pathname + search, { method, headers, body });
      seen.push(`${method} ${pathname} ${answer.status}`);
      const whole = new Response(await answer.arrayBuffer(), answer);
      return await meddle(`${method} ${pathname}`, whole);
    },
  });
  const url = proxy.url.href;
  const { email } = await signUp(url);
  seen.length = 0;
  return {
    url,
    seen,
    /** Lets the network do something to the answers. */
    meddle: (how: Meddle) => void (meddle = how),
    /** Answers for the server that it is not there. */
    refuse: (route: string | undefined) => void (refused = route),
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

  test('does not refresh again for an answer that comes late', async () => {
    const client = await signedIn();
    await watched.forgetAccessTokens();
    const renewed = Promise.withResolvers<void>();
    watched.meddle(async (route, answer) => {
      if (route === 'GET /products' && answer.status === 401) await renewed.promise;
      return answer;
    });
    const late = client.products.get(noQuery);
    expect((await client.profile.get()).status).toBe(200);
    renewed.resolve();
    expect((await late).status).toBe(200);
    expect(refreshes(watched)).toHaveLength(1);
  });

  test('stays signed in when it cannot refresh for a while', async () => {
    let told = 0;
    const client = await signedIn({ onSignedOut: () => (told += 1) });
    await watched.forgetAccessTokens();
    watched.refuse('POST /auth/refresh');
    expect((await client.profile.get()).status).toBe(401);
    watched.refuse(undefined);
    expect((await client.profile.get()).status).toBe(200);
    expect(told).toBe(0);
  });

  test('leaves a request alone that brings a token of its own', async () => {
    const client = await signedIn();
    const headers = { authorization: 'Bearer none of ours' };
    expect((await client.profile.get({ headers })).status).toBe(401);
    expect(refreshes(watched)).toEqual([]);
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

describe('an answer to a refresh that is lost on its way', () => {
  async function startLossy(refreshGraceSeconds: number) {
    const watched = await startWatched({ refreshGraceSeconds });
    const { hostname: host, port } = new URL(watched.url);
    const network = await startCuttingProxy({ host, port: Number(port) }, () => Infinity);
    return {
      watched,
      url: `http://127.0.0.1:${network.port}`,
      /** Cuts every connection instead of letting so many answers through. */
      lose(count: number) {
        let left = count;
        watched.meddle((route, answer) => {
          if (route === 'POST /auth/refresh' && left > 0) {
            left -= 1;
            network.cutAll();
          }
          return answer;
        });
      },
      async stop() {
        await network.close();
        await watched.stop();
      },
    };
  }

  const backOff = { firstMs: 1, maxMs: 1 };

  test.each([1, 2])('%d times in a row is had again within the grace', async (count) => {
    let told = 0;
    const lossy = await startLossy(30);
    const client = createClient(lossy.url, { backOff, onSignedOut: () => (told += 1) });
    await client.signIn(lossy.watched.credentials);
    await lossy.watched.forgetAccessTokens();
    lossy.lose(count);
    expect((await client.profile.get()).status).toBe(200);
    expect(refreshes(lossy.watched)).toEqual(Array(count + 1).fill('POST /auth/refresh 200'));
    await lossy.watched.forgetAccessTokens();
    expect((await client.profile.get()).status).toBe(200);
    expect(told).toBe(0);
    await lossy.stop();
  });

  test('ends the session where there is no grace, and the caller is told', async () => {
    let told = 0;
    const lossy = await startLossy(0);
    const client = createClient(lossy.url, { backOff, onSignedOut: () => (told += 1) });
    await client.signIn(lossy.watched.credentials);
    await lossy.watched.forgetAccessTokens();
    lossy.lose(1);
    expect((await client.profile.get()).status).toBe(401);
    expect(refreshes(lossy.watched)).toEqual(['POST /auth/refresh 200', 'POST /auth/refresh 401']);
    expect(told).toBe(1);
    await lossy.stop();
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

  test('is over also when the caller throws at being told', async () => {
    const errors: unknown[] = [];
    const onSignedOut = () => {
      throw new Error('Not now.');
    };
    const client = await signedIn({ onSignedOut, onError: (error) => errors.push(error) });
    const other = await signedIn();
    const passwords = { currentPassword: testPassword, newPassword: 'another long enough one' };
    expect((await other.profile.password.post(passwords)).status).toBe(204);
    expect((await client.profile.get()).status).toBe(401);
    expect(errors).toEqual([new Error('Not now.')]);
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

  test('needs no cookie', async () => {
    watched.meddle((_, answer) => {
      answer.headers.delete('set-cookie');
      return answer;
    });
    const client = createClient(watched.url);
    const { data } = await client.signIn(watched.credentials);
    const other = createClient(watched.url, { accessToken: () => data?.accessToken });
    expect((await other.profile.get()).status).toBe(200);
    expect((await client.signOut()).status).toBe(204);
    expect((await other.profile.get()).status).toBe(401);
  });

  test('leaves room for somebody else', async () => {
    const client = await signedIn();
    await client.signOut();
    expect((await client.signIn(watched.credentials)).status).toBe(200);
    await watched.forgetAccessTokens();
    expect((await client.profile.get()).status).toBe(200);
  });
});

describe('signing in as somebody else', () => {
  test('while a refresh is under way leaves nothing of the first', async () => {
    const client = await signedIn();
    const { email } = await signUp(watched.url);
    await watched.forgetAccessTokens();
    const [begun, mayEnd] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    watched.meddle(async (route, answer) => {
      if (route === 'POST /auth/login') mayEnd.resolve();
      if (route !== 'POST /auth/refresh') return answer;
      begun.resolve();
      setTimeout(mayEnd.resolve, 500);
      await mayEnd.promise;
      return answer;
    });
    const first = client.profile.get();
    await begun.promise;
    await client.signIn({ email, password: testPassword });
    await first;
    await watched.forgetAccessTokens();
    expect((await client.profile.get()).data?.email).toBe(email);
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
