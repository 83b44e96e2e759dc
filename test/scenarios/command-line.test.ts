import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  setDefaultTimeout,
  test,
} from 'bun:test';
import { createClient } from '../../src/client/index.ts';
import { type CommandLine, runCommand } from '../../src/testing/command-line.ts';
import { engine, placeOf } from '../../src/testing/engine.ts';
import { differences, dumpReadModels, foldReadModels, readLog } from '../../src/testing/rows.ts';
import { signIn, signUp, spawnServer, temporaryPlace } from '../../src/testing/server.ts';
import { eventually } from '../http/requests.ts';

setDefaultTimeout(120_000);

const email = 'root@example.com';
const password = 'a long enough password';
const createRoot = ['admin:create', '--email', email];
const dropTrigger =
  engine === 'sqlite'
    ? 'DROP TRIGGER events_are_never_updated'
    : 'DROP TRIGGER events_are_never_changed ON events';
const oneLine = /^[^\n]+\n$/;

let temporary: ReturnType<typeof temporaryPlace>;
beforeEach(() => void (temporary = temporaryPlace()));
afterEach(() => temporary.remove());

const run = (args: readonly string[], options: Partial<CommandLine> = {}) =>
  runCommand(args, { directory: temporary.path, ...options });

/** Runs while a server serves from the same stores. */
async function withServer(use: (url: string) => Promise<void>) {
  const { url, child } = await spawnServer(temporary.path);
  try {
    await fetch(`${url}/health`); // whoever answers has gone past the line that tells the address
    await use(url);
  } finally {
    child.kill('SIGTERM');
  }
  expect(await child.exited).toBe(0);
}

/** What users an admin sees who signs in now. */
async function usersSeenBy(url: string, address: string, secret = password) {
  const { client } = await signIn(url, address, secret);
  const { data, error } = await client.admin.users.get({ query: { limit: 100 } as never });
  expect(error).toBeNull();
  return data!.data.map((user) => ({ email: user.email, role: user.role }));
}

describe('admin:create', () => {
  test('makes an admin while no server runs, with the password from standard input', async () => {
    const made = await run([...createRoot, '--name', 'Grace'], {
      input: `${password}\nnot this\n`,
    });
    expect(made).toEqual({ exitCode: 0, stdout: `${email} is an admin now.\n`, stderr: '' });
    await withServer(async (url) => {
      expect(await usersSeenBy(url, email)).toEqual([{ email, role: 'admin' }]);
    });
  });

  test('makes an admin in the server that is running', async () => {
    await withServer(async (url) => {
      const made = await run(createRoot, { input: `${password}\n` });
      expect(made).toEqual({ exitCode: 0, stdout: `${email} is an admin now.\n`, stderr: '' });
      expect(await usersSeenBy(url, email)).toEqual([{ email, role: 'admin' }]);
      expect(await run(createRoot)).toEqual({
        exitCode: 0,
        stdout: `${email} is an admin already.\n`,
        stderr: '',
      });
    });
  });

  test('promotes somebody who has registered, who need not sign in again', async () => {
    await withServer(async (url) => {
      const ada = await signUp(url);
      const list = () => ada.client.admin.users.get({ query: {} as never });
      expect((await list()).status).toBe(403);
      const promoted = await run(['admin:create', '--email', ` ${ada.email.toUpperCase()} `]);
      expect(promoted).toMatchObject({ exitCode: 0, stderr: '' });
      expect(promoted.stdout).toContain('the password is unchanged');
      // Where another process has done it, the server hears of it a moment later.
      if (engine === 'postgres') await eventually(list, ({ status }) => status === 200);
      expect((await list()).status).toBe(200);
      expect(await usersSeenBy(url, ada.email)).toEqual([{ email: ada.email, role: 'admin' }]);
    });
  });

  test('promotes with the server stopped', async () => {
    let address = '';
    await withServer(async (url) => void ({ email: address } = await signUp(url)));
    expect(await run(['admin:create', '--email', address])).toMatchObject({
      exitCode: 0,
      stderr: '',
    });
    await withServer(async (url) => {
      expect(await usersSeenBy(url, address)).toEqual([{ email: address, role: 'admin' }]);
    });
  });

  test.each([
    ['an address that cannot sign in', ['--email', `${'a'.repeat(250)}@example.com`]],
    ['an address with a control character', ['--email', 'a\u0007b@example.com']],
    ['a name without a character', ['--email', email, '--name', ' ']],
    ['a name of two lines', ['--email', email, '--name', 'Ada\nLovelace']],
    ['a name that is too long', ['--email', email, '--name', 'a'.repeat(201)]],
  ])('refuses %s', async (_, args) => {
    const refused = await run(['admin:create', ...args], { input: `${password}\n` });
    expect(refused).toEqual({
      exitCode: 2,
      stdout: '',
      stderr: expect.stringMatching(
        /^--(?:email must be an e-mail address|name must be one line .+)\.\n$/,
      ),
    });
  });

  test.each([
    ['none', ''],
    ['a short one', 'short\n'],
    ['one that everybody tries', 'password123\n'],
  ])('refuses %s as a password, and makes nobody', async (_, input) => {
    const refused = await run(createRoot, { input });
    expect(refused).toEqual({ exitCode: 2, stdout: '', stderr: expect.stringMatching(oneLine) });
    await withServer(async () => {
      const again = await run(createRoot, { input });
      expect(again).toEqual(refused);
    });
    expect(await readLog(temporary.path)).toEqual([]);
  });
});

describe('seed', () => {
  const args = ['seed', '--users', '7', '--products', '30', '--messages', '50'];
  const counts = async () => {
    const dump = await dumpReadModels(temporary.path);
    return ['users', 'products', 'messages'].map((table) => dump[table]!.length);
  };

  test('adds what it was asked for, while no server runs and then while one does', async () => {
    const first = await run(args);
    expect(first.exitCode).toBe(0);
    expect(first.stdout).toStartWith('7 users, 30 products, 50 messages.\n');
    expect(await readLog(temporary.path)).toHaveLength(87);
    await withServer(async (url) => {
      expect(await run(args)).toMatchObject({ exitCode: 0 });
      expect(await counts()).toEqual([14, 60, 100]);
      const { users } = await dumpReadModels(temporary.path);
      const [user] = users!.map((row) => JSON.parse(row));
      const secrets = [first.stdout].map((text) => /password (\S+)/.exec(text)![1]!);
      const signedIn = await Promise.all(
        secrets.map((secret) =>
          createClient(url).auth.login.post({ email: user.email, password: secret }),
        ),
      );
      expect(signedIn.map(({ status }) => [200, 401].includes(status))).toEqual([true]);
    });
    expect(
      differences(await dumpReadModels(temporary.path), await foldReadModels(temporary.path)),
    ).toEqual([]);
  });

  test('adds nothing when asked for nothing', async () => {
    const none = await run(['seed', '--users', '0', '--products', '0', '--messages', '0']);
    expect(none).toMatchObject({ exitCode: 0, stdout: '0 users, 0 products, 0 messages.\n' });
    expect(await readLog(temporary.path)).toEqual([]);
  });
});

describe('replay', () => {
  test('rebuilds what it is asked for, with and without a server', async () => {
    const args = ['seed', '--users', '3', '--products', '5', '--messages', '4'];
    expect(await run(args)).toMatchObject({ exitCode: 0 });
    const rows = await dumpReadModels(temporary.path);
    const { run: runOn } = await placeOf(temporary.path);
    await runOn('read-model', 'DELETE FROM products');
    await runOn('read-model', "UPDATE messages SET text = 'spoiled'");
    expect(await run(['replay', 'products'])).toMatchObject({
      exitCode: 0,
      stdout: 'Rebuilt products from 12 events.\n',
    });
    expect((await dumpReadModels(temporary.path))['products']).toEqual(rows['products']!);
    expect(differences(await dumpReadModels(temporary.path), rows)).not.toEqual([]);
    await withServer(async () => {
      expect(await run(['replay'])).toMatchObject({ exitCode: 0 });
      expect(differences(await dumpReadModels(temporary.path), rows)).toEqual([]);
    });
  });
});

describe('a log that somebody has tampered with', () => {
  const seeded = temporaryPlace();
  beforeAll(async () => {
    const args = ['seed', '--users', '2', '--products', '1500', '--messages', '0'];
    expect(await run(args, { directory: seeded.path })).toMatchObject({ exitCode: 0 });
    const { exitCode, stdout } = await run(['verify'], { directory: seeded.path });
    expect({ exitCode, stdout }).toEqual({
      exitCode: 0,
      stdout: expect.stringMatching(
        /^The hash chain holds over 1502 events; the last hash is [0-9a-f]{64}\.\n$/,
      ),
    });
  });
  afterAll(() => seeded.remove());

  test('long ago is found by verify, which names the position', async () => {
    const { run: runOn } = await placeOf(seeded.path);
    await runOn('log', dropTrigger);
    await runOn(
      'log',
      "UPDATE events SET data = replace(data, 'priceCents', 'priceCentz') WHERE position = 17",
    );
    const { exitCode, stdout, stderr } = await run(['verify'], { directory: seeded.path });
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' });
    expect(stderr.trimEnd().split('\n').at(-1)).toContain('position 17');
  });
});
