import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { RedisClient } from 'bun';
import { until } from '../../src/testing/job-engines.ts';
import { type MailServer, startMailServer } from '../../src/testing/mail-server.ts';
import { startRedis, type TestRedis } from '../../src/testing/redis.ts';
import { signUp, startServer, type TestServer } from '../../src/testing/server.ts';

setDefaultTimeout(60_000);

let redis: TestRedis;

beforeEach(async () => {
  redis = await startRedis();
});
afterEach(() => redis.stop());

describe('two deployments on one Redis', () => {
  test('send their own mail each', async () => {
    const mailServers = [await startMailServer(), await startMailServer()];
    const servers = await Promise.all(
      mailServers.map(({ url: smtpUrl }) =>
        startServer({ mail: { smtpUrl, from: 'refold@mail.example' }, redisUrl: redis.url }),
      ),
    );
    try {
      const registered = await Promise.all(
        servers.map(async ({ url }) => {
          const users = [];
          for (let n = 0; n < 12; n += 1) users.push((await signUp(url)).email);
          return users;
        }),
      );
      for (const server of servers) await server.effectsSettled();
      const sent = mailServers.map(({ delivered }) => delivered.map(({ to }) => to[0]).toSorted());
      expect(sent).toEqual(registered.map((users) => users.toSorted()));
    } finally {
      for (const server of servers) await server.stop();
      for (const mailServer of mailServers) await mailServer.stop();
    }
  });
});

describe('a server whose Redis is away', () => {
  let mailServer: MailServer;
  let server: TestServer;

  beforeEach(async () => {
    mailServer = await startMailServer();
    const mail = { smtpUrl: mailServer.url, from: 'refold@mail.example' };
    server = await startServer({ mail, redisUrl: redis.url });
  });
  afterEach(async () => {
    await server.stop();
    await mailServer.stop();
  });

  const recipients = () => mailServer.delivered.map(({ to }) => to[0]);

  test.each(['killed', 'frozen'] as const)(
    '(%s) goes on, is ready, says what is wrong, and sends its mail afterwards, once',
    async (how) => {
      const first = await signUp(server.url);
      await server.effectsSettled();
      await (how === 'killed' ? redis.kill() : redis.freeze());
      const second = await signUp(server.url);
      type Ready = { checks: { name: string; ok: boolean; message?: string }[] };
      const jobsCheck = async () => {
        const response = await fetch(`${server.url}/ready`);
        expect(response.status).toBe(200);
        const { checks } = (await response.json()) as Ready;
        return checks.find(({ name }) => name === 'jobs')!;
      };
      await until(async () => (await jobsCheck()).message !== undefined);
      expect(await jobsCheck()).toMatchObject({
        ok: true,
        message: expect.stringContaining('The queue of jobs cannot be used'),
      });
      await (how === 'killed' ? redis.restart() : redis.thaw());
      await until(() => recipients().includes(second.email));
      expect(recipients()).toEqual([first.email, second.email]);
      await until(async () => (await jobsCheck()).message === undefined);
    },
  );

  test('has left nothing personal there', async () => {
    const { email } = await signUp(server.url, { name: 'Ada Lovelace' });
    await server.effectsSettled();
    mailServer.behave({ refuses: 'recipient', code: 550 });
    const other = await signUp(server.url, { name: 'Grace Hopper' });
    await server.effectsSettled();
    const everything = await dumpRedis(redis.url);
    expect(everything).toContain('welcome-mail');
    expect(everything).toContain('550 5.1.1');
    for (const personal of [email, other.email, 'Lovelace', 'Hopper']) {
      expect(everything).not.toContain(personal);
    }
  });
});

/** Every key with everything in it, as text. */
async function dumpRedis(url: string): Promise<string> {
  const client = new RedisClient(url);
  const readers: Record<string, readonly [string, ...string[]]> = {
    hash: ['HGETALL'],
    list: ['LRANGE', '0', '-1'],
    set: ['SMEMBERS'],
    stream: ['XRANGE', '-', '+'],
    string: ['GET'],
    zset: ['ZRANGE', '0', '-1', 'WITHSCORES'],
  };
  const parts: unknown[] = [];
  for (const key of (await client.send('KEYS', ['*'])) as string[]) {
    const [command, ...args] = readers[(await client.send('TYPE', [key])) as string]!;
    parts.push(key, await client.send(command, [key, ...args]));
  }
  client.close();
  return JSON.stringify(parts);
}
