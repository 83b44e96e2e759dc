// A queue of jobs in a file: what its pages hold, whether a row is still there or not.
import { afterEach, beforeEach, expect, setDefaultTimeout, test } from 'bun:test';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type MailServer, startMailServer } from '../../src/testing/mail-server.ts';
import { signUp, startServer, temporaryDirectory } from '../../src/testing/server.ts';

setDefaultTimeout(60_000);

let mailServer: MailServer;
let temporary: ReturnType<typeof temporaryDirectory>;

beforeEach(async () => {
  mailServer = await startMailServer();
  temporary = temporaryDirectory();
});
afterEach(async () => {
  await mailServer.stop();
  temporary.remove();
});

test('no byte of a file of jobs is personal, whether a job is done or dead', async () => {
  const mail = { smtpUrl: mailServer.url, from: 'Refold <refold@mail.example>' };
  const server = await startServer({ directory: temporary.path, mail });
  const { email } = await signUp(server.url, { name: 'Ada Lovelace' });
  await server.effectsSettled();
  mailServer.behave({ refuses: 'recipient', code: 550 });
  const other = await signUp(server.url, { name: 'Grace Hopper' });
  await server.effectsSettled();
  expect((await server.application.followers.effects.counts()).dead).toBe(1);
  await server.stop();

  const files = readdirSync(temporary.path).filter((name) => name.startsWith('jobs.db'));
  expect(files).toContain('jobs.db');
  const bytes = files.map((name) => readFileSync(join(temporary.path, name), 'latin1')).join('');
  expect(bytes).toContain('welcome-mail');
  for (const personal of [email, other.email, 'Lovelace', 'Hopper']) {
    expect(bytes).not.toContain(personal);
  }
});
