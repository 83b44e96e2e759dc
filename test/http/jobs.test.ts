import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test';
import { until } from '../../src/testing/job-engines.ts';
import { type MailServer, startMailServer } from '../../src/testing/mail-server.ts';
import { promote, signUp, startServer, type TestServer } from '../../src/testing/server.ts';
import { watchAnswers } from './declared.ts';
import { expectProblem, send } from './requests.ts';

const answers = watchAnswers();
let mailServer: MailServer;
let server: TestServer;
let admin: Awaited<ReturnType<typeof promote>>;

beforeAll(async () => {
  mailServer = await startMailServer();
  const mail = { smtpUrl: mailServer.url, from: 'refold@mail.example' };
  server = await startServer({ mail });
  const root = await signUp(server.url);
  admin = await promote(server, root.user.id, root.email);
  await server.effectsSettled();
});
afterAll(async () => {
  await server.stop();
  await mailServer.stop();
});
beforeEach(() => mailServer.behave({ accepts: true }));

type Sent = { readonly key?: string; readonly token?: string };

function retry(id: string, { key, token = admin.accessToken }: Sent = {}) {
  const headers: Record<string, string> = key === undefined ? {} : { 'idempotency-key': key };
  return send(server.url, `POST /admin/jobs/${id}/retry`, { token, headers });
}

async function jobs(query: { page?: number; limit?: number } = {}) {
  const { data } = await admin.client.admin.jobs.get({ query });
  return data!;
}

/** Registers people whom the mail server does not know; answers the ids of their jobs, newest first. */
async function deadJobs(count: number): Promise<string[]> {
  mailServer.behave({ refuses: 'recipient', code: 550 });
  const before = (await jobs()).total;
  for (let dead = 1; dead <= count; dead += 1) {
    await signUp(server.url);
    await until(async () => (await jobs()).total === before + dead);
    const [newest] = (await jobs({ limit: 1 })).data;
    await until(() => new Date().toISOString() > newest!.diedAt);
  }
  mailServer.behave({ accepts: true });
  return (await jobs({ limit: count })).data.map(({ id }) => id);
}

describe('the jobs', () => {
  const routes = ['GET /admin/jobs', 'POST /admin/jobs/any/retry'] as const;

  test.each(routes)('are closed to strangers: %s', async (route) => {
    await expectProblem(await send(server.url, route), 401, 'UNAUTHORIZED');
  });

  test.each(routes)('are closed to users and moderators: %s', async (route) => {
    const { user, email, accessToken } = await signUp(server.url);
    const moderator = await promote(server, user.id, email, 'moderator');
    for (const token of [accessToken, moderator.accessToken]) {
      await expectProblem(await send(server.url, route, { token }), 403, 'FORBIDDEN');
    }
  });

  test('show how far they are', async () => {
    await signUp(server.url);
    await server.effectsSettled();
    const { data: _, ...view } = await jobs();
    const head = await server.application.edge.live.head();
    expect(view).toEqual({
      state: 'live',
      position: head,
      head,
      lag: 0,
      counts: { waiting: 0, delayed: 0, active: 0, dead: view.total },
      total: view.total,
      page: 1,
      pages: Math.ceil(view.total / 20),
    });
  });

  test('show what is under way', async () => {
    mailServer.behave({ hangs: 'at recipient' });
    await signUp(server.url);
    await until(async () => (await jobs()).counts.active === 1);
    mailServer.behave({ accepts: true });
    mailServer.cut();
    await server.effectsSettled();
  });

  test('show the dead ones in pages, newest first, with the reason and nothing personal', async () => {
    const ids = await deadJobs(3);
    const first = await jobs({ limit: 2 });
    const { total } = first;
    expect(first).toMatchObject({ page: 1, pages: Math.ceil(total / 2), counts: { dead: total } });
    expect(first.data.map(({ id }) => id)).toEqual(ids.slice(0, 2));
    expect((await jobs({ page: 2, limit: 2 })).data[0]!.id).toBe(ids[2]!);
    expect(first.data[0]).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}\.welcome-mail$/),
      name: 'welcome-mail',
      attempts: 1,
      enqueuedAt: expect.any(String),
      diedAt: expect.any(String),
      reason: 'The mail server answered 550 5.1.1 to RCPT TO.',
    });
    expect(JSON.stringify(first)).not.toContain('@');
  });

  test.each(['page=0', 'page=1.5', 'limit=0', 'limit=101', 'limit=many'])(
    'are paged within limits: %s',
    async (query) => {
      const { accessToken: token } = admin;
      const response = await send(server.url, `GET /admin/jobs?${query}`, { token });
      await expectProblem(response, 422, 'VALIDATION_ERROR');
    },
  );
});

describe('retrying a job', () => {
  test('that is dead does it', async () => {
    const [id = ''] = await deadJobs(1);
    const delivered = mailServer.delivered.length;
    const response = await retry(id);
    expect(response.status).toBe(202);
    expect(await response.json()).toEqual({ id, status: 'waiting' });
    await server.effectsSettled();
    expect(mailServer.delivered).toHaveLength(delivered + 1);
    expect(mailServer.delivered.at(-1)!.email.messageId).toBe(`<${id}@mail.example>`);
    expect((await jobs({ limit: 100 })).data.map((one) => one.id)).not.toContain(id);
    await expectProblem(await retry(id), 409, 'JOB_NOT_DEAD');
    await server.effectsSettled();
    expect(mailServer.delivered).toHaveLength(delivered + 1);
  });

  test('is answered again for the same key', async () => {
    const [id = ''] = await deadJobs(1);
    const first = await retry(id, { key: 'again' });
    const second = await retry(id, { key: 'again' });
    expect([first.status, second.status]).toEqual([202, 202]);
    expect(second.headers.get('idempotent-replay')).toBe('true');
    expect(await second.json()).toEqual(await first.json());
    await server.effectsSettled();
  });

  test('that nobody knows is not found', async () => {
    await expectProblem(await retry('nobody'), 404, 'NOT_FOUND');
  });

  test('with an id that none can have is refused', async () => {
    await expectProblem(await retry('x'.repeat(201)), 422, 'VALIDATION_ERROR');
  });
});

answers.testsThatAllAreAsDeclared(() => server.url);
