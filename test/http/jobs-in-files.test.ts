// A queue of jobs in a file: its table is taken away. A database of many tables fails otherwise, and elsewhere.
import { Database } from 'bun:sqlite';
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { join } from 'node:path';
import { type MailServer, startMailServer } from '../../src/testing/mail-server.ts';
import { signUp, startServer, type TestServer } from '../../src/testing/server.ts';
import { eventually, send } from './requests.ts';

let mailServer: MailServer;
let server: TestServer;

beforeAll(async () => {
  mailServer = await startMailServer();
  const mail = { smtpUrl: mailServer.url, from: 'refold@mail.example' };
  server = await startServer({ mail });
});
afterAll(async () => {
  await server.stop();
  await mailServer.stop();
});

describe('a queue that fails', () => {
  /** Takes the table away until `/ready` tells; gives it back when that was asked for. */
  async function failing(meanwhile: () => Promise<unknown>) {
    const file = new Database(join(server.directory, 'jobs.db'));
    file.run('ALTER TABLE jobs RENAME TO elsewhere');
    await meanwhile();
    const ready = () => send(server.url, 'GET /ready');
    const red = await eventually(ready, ({ status }) => status === 503);
    const { checks } = (await red.json()) as { readonly checks: readonly object[] };
    expect(checks).toContainEqual({
      name: 'jobs',
      ok: false,
      message: expect.stringContaining('no such table'),
    });
    file.run('ALTER TABLE elsewhere RENAME TO jobs');
    file.close();
    await eventually(ready, ({ status }) => status === 200);
  }

  test('turns /ready red, though nothing happens', () => failing(async () => {}));

  test('holds nothing up, and does in the end what it was to do', async () => {
    let email = '';
    await failing(async () => ({ email } = await signUp(server.url)));
    await server.effectsSettled();
    expect(mailServer.delivered.filter(({ to }) => to.includes(email))).toHaveLength(1);
  });
});
