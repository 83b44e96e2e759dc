import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  setSystemTime,
  test,
} from 'bun:test';
import type { Config } from '../../src/config.ts';
import { signUp, startServer, type TestServer, testPassword } from '../../src/testing/server.ts';
import { until } from '../../src/testing/until.ts';
import { watchAnswers } from './declared.ts';
import { expectProblem, newEmail, newSku, send } from './requests.ts';

const answers = watchAnswers();
const unlimited = { auth: 0, passwords: 0, commands: 0 };
const minuteMs = 60_000;

/** The clock stands still in these tests, in the middle of a minute: windows turn when a test says so. */
const standStill = () => setSystemTime(Math.ceil(Date.now() / minuteMs) * minuteMs + minuteMs / 2);
const pass = (seconds: number) => setSystemTime(Date.now() + seconds * 1_000);

let documented: TestServer;
beforeAll(async () => {
  documented = await startServer();
});
afterAll(() => documented.stop());

beforeEach(() => void standStill());
afterEach(() => void setSystemTime());

let running: TestServer | undefined;
afterEach(async () => {
  await running?.stop();
  running = undefined;
});

async function limitedTo(
  limits: Partial<Config['rateLimits']>,
  others: Partial<Config> = {},
): Promise<TestServer> {
  running = await startServer({ rateLimits: { ...unlimited, ...limits }, ...others });
  return running;
}

/** A sign-in that has come by the proxy on this machine, from an address. */
function login(
  { url }: Pick<TestServer, 'url'>,
  sent: { readonly email: string; readonly password?: string; readonly from?: string },
) {
  const { email, password = testPassword, from } = sent;
  const headers = from === undefined ? {} : { 'x-forwarded-for': from };
  return send(url, 'POST /auth/login', { json: { email, password }, headers });
}

const create = ({ url }: TestServer, token: string) =>
  send(url, 'POST /products', { token, json: { name: 'Mug', price: 1, sku: newSku() } });

async function expectLimited(response: Response, limit: number): Promise<number> {
  const retryAfter = response.headers.get('retry-after') ?? 'none';
  expect(retryAfter).toMatch(/^[1-9]\d*$/);
  expect(response.headers.get('ratelimit-limit')).toBe(String(limit));
  expect(response.headers.get('ratelimit-remaining')).toBe('0');
  expect(response.headers.get('ratelimit-reset')).toMatch(/^\d+$/);
  await expectProblem(response, 429, 'RATE_LIMITED');
  return Number(retryAfter);
}

const statusesOf = (responses: readonly Response[]) => responses.map(({ status }) => status);
const times = <Result>(count: number, work: (index: number) => Promise<Result>) =>
  Array.from({ length: count }, (_, index) => index).reduce(
    async (before, index) => [...(await before), await work(index)],
    Promise.resolve<Result[]>([]),
  );

describe('too many requests', () => {
  test('to sign in are refused, until then counted down', async () => {
    const server = await limitedTo({ auth: 5 });
    const { email } = await signUp(server.url);
    const remaining = await times(3, async () => {
      const response = await login(server, { email: newEmail() });
      expect(response.status).toBe(401);
      expect(response.headers.get('ratelimit-limit')).toBe('5');
      return response.headers.get('ratelimit-remaining');
    });
    expect(remaining).toEqual(['2', '1', '0']);
    await expectLimited(await login(server, { email }), 5);
    const another = { email: newEmail(), name: 'Eve', password: testPassword };
    await expectLimited(await send(server.url, 'POST /auth/register', { json: another }), 5);
  });

  test('to sign in are one address’s, whatever it says to have passed on', async () => {
    const server = await limitedTo({ auth: 5 });
    const responses = await times(8, (index) =>
      login(server, { email: newEmail(), from: `198.51.100.${index}` }),
    );
    expect(statusesOf(responses)).toEqual([...Array(5).fill(401), ...Array(3).fill(429)]);
  });

  test('to change something are refused, to that user alone', async () => {
    const server = await limitedTo({ commands: 3 });
    const [first, second] = [await signUp(server.url), await signUp(server.url)];
    const remaining = await times(3, async () => {
      const response = await create(server, first.accessToken);
      expect(response.status).toBe(201);
      return response.headers.get('ratelimit-remaining');
    });
    expect(remaining).toEqual(['2', '1', '0']);
    await expectLimited(await create(server, first.accessToken), 3);
    expect((await create(server, second.accessToken)).status).toBe(201);
    const { data } = await first.client.products.get({ query: {} });
    expect(data?.total).toBe(4);
  });

  test('to change something are refused to all who share an address', async () => {
    const server = await limitedTo({ commands: 1 });
    const users = await times(11, () => signUp(server.url));
    const responses = await times(11, (index) => create(server, users[index]!.accessToken));
    expect(statusesOf(responses)).toEqual([...Array(10).fill(201), 429]);
  });

  test('are forgotten after a while', async () => {
    const server = await limitedTo({ auth: 3 });
    const email = newEmail();
    await times(3, () => login(server, { email }));
    pass(await expectLimited(await login(server, { email }), 3));
    expect((await login(server, { email })).status).toBe(401);
  });
});

describe('behind a proxy that is trusted', () => {
  const trustedProxies = ['127.0.0.0/8', '::1'];

  test('each address has a limit of its own', async () => {
    const server = await limitedTo({ auth: 2 }, { trustedProxies });
    const email = newEmail();
    const first = await times(3, () => login(server, { email, from: '198.51.100.1' }));
    expect(statusesOf(first)).toEqual([401, 401, 429]);
    expect((await login(server, { email, from: '198.51.100.2' })).status).toBe(401);
    const madeUp = await login(server, { email, from: '203.0.113.1, 198.51.100.1' });
    await expectLimited(madeUp, 2);
  });

  test('a network of IPv6 addresses has one limit', async () => {
    const server = await limitedTo({ auth: 2 }, { trustedProxies });
    const email = newEmail();
    const responses = await times(4, (index) =>
      login(server, { email, from: `2001:db8:1:2:${index}::${index}` }),
    );
    expect(statusesOf(responses)).toEqual([401, 401, 429, 429]);
    expect((await login(server, { email, from: '2001:db8:1:3::1' })).status).toBe(401);
  });
});

describe('wrong passwords from ever new addresses', () => {
  const trustedProxies = ['127.0.0.0/8', '::1'];
  const max = 10;
  const wrong = 'not the password';

  const guess = (server: Pick<TestServer, 'url'>, email: string) =>
    times(30, (index) => login(server, { email, password: wrong, from: `198.51.100.${index}` }));

  test('are limited for the account, and its owner gets in from elsewhere when told to', async () => {
    const server = await limitedTo({ auth: 60, passwords: max }, { trustedProxies });
    const { email } = await signUp(server.url);
    const responses = await guess(server, email);
    expect(statusesOf(responses)).toEqual([...Array(max).fill(401), ...Array(20).fill(429)]);
    const refused = await login(server, { email, from: '203.0.113.9' });
    pass(await expectLimited(refused, max));
    expect((await login(server, { email, from: '203.0.113.9' })).status).toBe(200);
  });

  test('are limited for an address that nobody has in the same way', async () => {
    const server = await limitedTo({ passwords: max }, { trustedProxies });
    const { email } = await signUp(server.url);
    const [known, unknown] = [await guess(server, email), await guess(server, newEmail())];
    expect(statusesOf(unknown)).toEqual(statusesOf(known));
  });

  test('are counted for an address in any spelling, and for that one alone', async () => {
    const server = await limitedTo({ passwords: 2 }, { trustedProxies });
    const { email } = await signUp(server.url);
    const spelled = [email.toUpperCase(), ` ${email}`, email];
    const responses = await times(3, (index) =>
      login(server, { email: spelled[index]!, password: wrong }),
    );
    expect(statusesOf(responses)).toEqual([401, 401, 429]);
    expect((await login(server, { email: (await signUp(server.url)).email })).status).toBe(200);
  });

  test('are all that is counted: who knows theirs may sign in as often as they like', async () => {
    const server = await limitedTo({ passwords: 2 });
    const { email } = await signUp(server.url);
    expect(statusesOf(await times(5, () => login(server, { email })))).toEqual(Array(5).fill(200));
  });

  test('are limited for whoever has a token and guesses at the password', async () => {
    const server = await limitedTo({ passwords: 3 });
    const { accessToken: token } = await signUp(server.url);
    const change = (currentPassword: string) =>
      send(server.url, 'POST /profile/password', {
        token,
        json: { currentPassword, newPassword: 'another long password' },
      });
    expect(statusesOf(await times(3, () => change(wrong)))).toEqual([403, 403, 403]);
    pass(await expectLimited(await change(testPassword), 3));
    expect((await change(testPassword)).status).toBe(204);
  });
});

describe('forty sign-ins at once', () => {
  test('are answered or shed, and hold up nobody else', async () => {
    const server = await limitedTo({});
    const { email } = await signUp(server.url);
    const order: string[] = [];
    const noted = async (name: string, asking: Promise<Response>) => {
      const response = await asking;
      order.push(name);
      return response;
    };
    const signingIn = Array.from({ length: 40 }, () => noted('sign-in', login(server, { email })));
    await until(() => server.application.edge.passwords.load().waiting > 10);
    const health = await noted('health', fetch(`${server.url}/health`));
    expect(health.status).toBe(200);
    const responses = await Promise.all(signingIn);
    // What is refused is refused at once; what is hashed comes after the answer to somebody else.
    expect(order.slice(order.indexOf('health')).length).toBeGreaterThan(20);
    const shed = responses.filter(({ status }) => status === 503);
    expect(new Set(statusesOf(responses))).toEqual(new Set([200, 503]));
    expect(shed.length).toBeGreaterThan(0);
    expect(shed.length).toBeLessThan(20);
    for (const response of shed) {
      expect(response.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
      await expectProblem(response, 503, 'UNAVAILABLE');
    }
    expect((await login(server, { email })).status).toBe(200);
  });

  test('that are shed are not counted as wrong', async () => {
    const server = await limitedTo({ passwords: 1 });
    const { email } = await signUp(server.url);
    const responses = await Promise.all(Array.from({ length: 40 }, () => login(server, { email })));
    expect(statusesOf(responses)).toContain(503);
    expect((await login(server, { email })).status).toBe(200);
  });
});

describe('a hash from when less was asked of one', () => {
  test('is made anew when its owner signs in, also twice at once, and ends no session', async () => {
    const server = await limitedTo({});
    const { email, accessToken, user } = await signUp(server.url);
    const weaker = await Bun.password.hash(testPassword, {
      algorithm: 'argon2id',
      memoryCost: 8_192,
      timeCost: 1,
    });
    await server.run('vault', `UPDATE credentials SET password_hash = '${weaker}'`);
    const hashNow = () => server.application.edge.passwordHashOf(user.id);
    expect((await login(server, { email, password: 'not the password' })).status).toBe(401);
    expect(await hashNow()).toBe(weaker);
    const both = await Promise.all([login(server, { email }), login(server, { email })]);
    expect(statusesOf(both)).toEqual([200, 200]);
    await login(server, { email });
    const stronger = await hashNow();
    expect(stronger).toStartWith('$argon2id$v=19$m=19456,t=2,p=1$');
    expect((await send(server.url, 'GET /profile', { token: accessToken })).status).toBe(200);
    expect((await login(server, { email })).status).toBe(200);
    expect(await hashNow()).toBe(stronger);
  });
});

answers.testsThatAllAreAsDeclared(() => documented.url);
