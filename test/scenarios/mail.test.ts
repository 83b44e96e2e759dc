import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test';
import pino from 'pino';
import { createApplication } from '../../src/app.ts';
import { type Config, readConfig } from '../../src/config.ts';
import { engine, placeOf, type Store } from '../../src/testing/engine.ts';
import { until } from '../../src/testing/job-engines.ts';
import { type MailServer, startMailServer } from '../../src/testing/mail-server.ts';
import {
  signUp,
  spawnServer,
  startServer,
  temporaryPlace,
  testPassword,
} from '../../src/testing/server.ts';

setDefaultTimeout(60_000);

let mailServer: MailServer;
let temporary: ReturnType<typeof temporaryPlace>;
const running = new Set<{ readonly stop: () => Promise<void> }>();

beforeEach(async () => {
  mailServer = await startMailServer();
  temporary = temporaryPlace();
});
afterEach(async () => {
  for (const server of running) await server.stop();
  running.clear();
  await mailServer.stop();
  await temporary.remove();
});

async function start(overrides: Partial<Config> = {}) {
  const mail = { smtpUrl: mailServer.url, from: 'Refold <refold@mail.example>' };
  const server = await startServer({ directory: temporary.path, mail, ...overrides });
  running.add(server);
  return server;
}

async function stop(server: Awaited<ReturnType<typeof start>>) {
  running.delete(server);
  await server.stop();
}

const without = { smtpUrl: undefined, from: 'Refold <refold@mail.example>' };
const inbox = () =>
  mailServer.delivered.map(({ to: [to], email }) => ({ to, subject: email.subject }));

/** Runs a statement on a store of a server that is stopped. */
async function run(store: Store, statement: string) {
  return await (await placeOf(temporary.path)).run(store, statement);
}

/** Jobs as they are kept, with what is kept of their past. */
const everyJob = () =>
  run(
    'jobs',
    engine === 'sqlite'
      ? 'SELECT * FROM jobs'
      : `SELECT CAST(job AS text) FROM job UNION ALL SELECT CAST(event AS text) FROM event
         UNION ALL SELECT CAST(job_log AS text) FROM job_log`,
  );

describe('what happens to an account', () => {
  test('is written to its person, once each', async () => {
    const server = await start();
    const { email, client, cookie } = await signUp(server.url, { name: 'Ada Lovelace' });
    await client.profile.password.post({
      currentPassword: testPassword,
      newPassword: 'another long enough password',
    });
    const refresh = () =>
      fetch(`${server.url}/auth/refresh`, { method: 'POST', headers: { cookie } });
    expect((await refresh()).status).toBe(200);
    expect((await refresh()).status).toBe(401);
    await server.effectsSettled();
    expect(inbox().toSorted((a, b) => (a.subject! < b.subject! ? -1 : 1))).toEqual([
      { to: email, subject: 'One of your sessions was ended' },
      { to: email, subject: 'Welcome' },
      { to: email, subject: 'Your password was changed' },
    ]);
    const ids = mailServer.delivered.map(({ email: { messageId } }) => messageId);
    expect(new Set(ids).size).toBe(3);
    for (const { email: mail } of mailServer.delivered) {
      expect(mail.text).toStartWith('Hello Ada Lovelace,');
      expect(mail.text).not.toMatch(/undefined|\[object|NaN/);
    }
  });

  test('is written again neither after a rebuild, nor a restart, nor when events are met again', async () => {
    const server = await start();
    await signUp(server.url);
    await server.effectsSettled();
    await server.application.readSide.rebuild(['users', 'notifications']);
    await stop(server);
    await run('log', "UPDATE follower_checkpoints SET position = 0 WHERE follower = 'jobs'");
    const next = await start();
    await signUp(next.url);
    await next.effectsSettled();
    expect(inbox().map(({ subject }) => subject)).toEqual(['Welcome', 'Welcome']);
    expect(new Set(inbox().map(({ to }) => to)).size).toBe(2);
  });
});

describe('a log that is older than its effects', () => {
  test('is not gone through again', async () => {
    const server = await start({ mail: without });
    await signUp(server.url);
    await stop(server);
    await run('log', "DELETE FROM follower_checkpoints WHERE follower = 'jobs'");
    const next = await start();
    const { email } = await signUp(next.url);
    await next.effectsSettled();
    expect(inbox()).toEqual([{ to: email, subject: 'Welcome' }]);
  });

  test('nor is what happened while there was no way to send mail', async () => {
    const server = await start({ mail: without });
    await signUp(server.url);
    await server.effectsSettled();
    await stop(server);
    const next = await start();
    const { email } = await signUp(next.url);
    await next.effectsSettled();
    expect(inbox()).toEqual([{ to: email, subject: 'Welcome' }]);
  });
});

describe('a mail server that refuses for now', () => {
  test('gets it again after a restart, but nothing for whoever has been erased meanwhile', async () => {
    mailServer.behave({ refuses: 'recipient', code: 451 });
    const server = await start();
    const { email } = await signUp(server.url, { name: 'Ada' });
    const grace = await signUp(server.url, { name: 'Grace' });
    const { counts } = server.application.followers.effects;
    await until(async () => (await counts()).delayed === 2);
    expect((await grace.client.profile.delete()).status).toBe(204);
    await stop(server);

    mailServer.behave({ accepts: true });
    const next = await start();
    await next.effectsSettled();
    expect(inbox()).toEqual([{ to: email, subject: 'Welcome' }]);
    expect((await next.application.followers.effects.counts()).dead).toBe(0);
  });
});

describe('a server that is killed while it hands over a mail', () => {
  test('has sent it once after its next start', async () => {
    mailServer.behave({ hangs: 'at recipient' });
    const environment = { SMTP_URL: mailServer.url };
    const first = await spawnServer(temporary.path, environment);
    const { email } = await signUp(first.url);
    await until(() => mailServer.attempts() > 0);
    first.child.kill('SIGKILL');
    await first.child.exited;
    expect(inbox()).toEqual([]);

    mailServer.behave({ accepts: true });
    const next = await start();
    await next.effectsSettled();
    expect(inbox()).toEqual([{ to: email, subject: 'Welcome' }]);
  });
});

describe('jobs', () => {
  test('hold nothing personal, also when they are dead', async () => {
    mailServer.behave({ refuses: 'recipient', code: 550 });
    const server = await start();
    const { email } = await signUp(server.url, { name: 'Ada Lovelace' });
    await server.effectsSettled();
    expect((await server.application.followers.effects.counts()).dead).toBe(1);
    await stop(server);
    const jobs = JSON.stringify(await everyJob());
    expect(jobs).toContain('welcome-mail');
    expect(jobs).not.toContain(email);
    expect(jobs).not.toContain('Lovelace');
  });
});

describe('without a mail server', () => {
  /** Registers somebody and answers what the server wrote to its log. */
  async function logOf(environment: Record<string, string>): Promise<string> {
    const lines: string[] = [];
    const logger = pino({ level: 'trace' }, { write: (line) => void lines.push(line) });
    const defaults = readConfig({ RATE_LIMIT_AUTH: '0', ...environment });
    const { database } = await placeOf(temporary.path);
    const own = { host: '127.0.0.1', port: 0, database, dataDirectory: temporary.path };
    const config = { ...defaults, ...own };
    const application = await createApplication(config, logger);
    running.add(application);
    const url = application.listen().href.replace(/\/$/, '');
    const { email } = await signUp(url, { name: 'Ada Lovelace' });
    const { effects } = application.followers;
    await until(async () => {
      const { waiting, delayed, active } = await effects.counts();
      return effects.position() > 0 && waiting + delayed + active === 0;
    });
    await application.stop();
    running.delete(application);
    return lines.join('').replaceAll(email, 'ADDRESS');
  }

  test('a developer reads it in the log', async () => {
    const log = await logOf({ NODE_ENV: 'development' });
    expect(log).toContain('mail to Ada Lovelace <ADDRESS>\\nSubject: Welcome\\n\\nHello Ada');
    expect(log.match(/Subject: /g)).toHaveLength(1);
  });

  test('production says so once, writes to nobody, and names nobody in its log', async () => {
    const log = await logOf({
      NODE_ENV: 'production',
      JWT_SECRET: 'j0kMw8Zq2xVb7Nc4Rt6Yu1Ia3Oe5Pd9s',
      JWT_REFRESH_SECRET: 'r1lNx9Ar3yWc8Od5Su7Zv2Jb4Pf6Qe0t',
      CRYPTO_SECRET: 'c2mOy0Bs4zXd9Pe6Tv8Aw3Kc5Qg7Rf1u',
    });
    expect(log.match(/SMTP_URL is not set/g)).toHaveLength(1);
    expect(log).not.toMatch(/ADDRESS|Lovelace|Subject/);
    expect(await everyJob()).toEqual([]);
  });
});
