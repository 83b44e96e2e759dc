import { Database } from 'bun:sqlite';
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
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createClient } from '../../src/client/index.ts';
import { type CommandLine, runCommand } from '../../src/testing/command-line.ts';
import { differences, dumpReadModels, foldReadModels, readLog } from '../../src/testing/rows.ts';
import { signIn, signUp, spawnServer, temporaryDirectory } from '../../src/testing/server.ts';

setDefaultTimeout(60_000);

const commands = [
  'start',
  'dev',
  'tour',
  'seed',
  'replay',
  'verify',
  'admin:create',
  'keys:rotate',
  'db:generate',
  'db:migrate',
  'db:studio',
  'db:push',
];
const email = 'root@example.com';
const password = 'a long enough password';
const createRoot = ['admin:create', '--email', email];
const oneLine = /^[^\n]+\n$/;

let temporary: ReturnType<typeof temporaryDirectory>;
beforeEach(() => void (temporary = temporaryDirectory()));
afterEach(() => temporary.remove());

const run = (args: readonly string[], options: Partial<CommandLine> = {}) =>
  runCommand(args, { directory: temporary.path, ...options });

const modeOf = (name: string) => statSync(join(temporary.path, name)).mode & 0o777;

/** Runs while a server holds the data directory. */
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

describe('the command line', () => {
  test.each(commands)('explains %s', async (command) => {
    const { exitCode, stdout, stderr } = await run([command, '--help']);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toStartWith(`Usage: refold ${command}`);
    expect(existsSync(join(temporary.path, 'log.db'))).toBe(false);
  });

  test('lists every command', async () => {
    const { exitCode, stdout } = await run(['--help']);
    expect(exitCode).toBe(0);
    const listed = [...stdout.matchAll(/^ {2}([a-z:]+) /gm)].map(([, name]) => name!);
    expect(listed.filter((name) => name !== 'help').toSorted()).toEqual(commands.toSorted());
  });

  test.each([
    ['an unknown command', ['nope'], 'nope'],
    ['an unknown option', ['start', '--fast'], '--fast'],
    ['too many arguments', ['verify', 'this'], 'verify'],
    ['a number that is none', ['seed', '--users', 'many'], '--users'],
    ['a negative number', ['seed', '--products=-1'], '--products'],
    ['an option without its value', ['seed', '--messages'], '--messages'],
    ['a missing option', ['admin:create'], '--email'],
    ['an address that is none', ['admin:create', '--email', 'root'], '--email'],
    ['an unknown projection', ['replay', 'NOPE'], 'NOPE'],
    ['one unknown projection among others', ['replay', 'users', 'NOPE'], 'NOPE'],
    ['no command', [], 'command'],
  ])('refuses %s in one line', async (_, args, part) => {
    const { exitCode, stdout, stderr } = await run(args);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toMatch(oneLine);
    expect(stderr).toContain(part);
  });

  test.each([['replay'], ['verify']])('%s says that there is no log', async (command) => {
    expect(await run([command])).toEqual({
      exitCode: 1,
      stdout: '',
      stderr: `There is no log in ${temporary.path}.\n`,
    });
    expect(existsSync(join(temporary.path, 'log.db'))).toBe(false);
  });
});

describe('a configuration that cannot be used', () => {
  const wrong = {
    PORT: 'http',
    LOG_LEVEL: 'loud',
    RATE_LIMIT_AUTH: '-1',
    JWT_SECRET: 'short and secret',
    JWT_REFRESH_SECRET: 'short and secret',
    CRYPTO_SECRET: 'short and secret',
  };

  test.each(['start', 'seed', 'verify', 'replay', 'db:migrate'])(
    'stops %s, one line a problem',
    async (command) => {
      const { exitCode, stdout, stderr } = await run([command], { environment: wrong });
      expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
      const lines = stderr.trimEnd().split('\n');
      expect(lines.map((line) => line.split(' ')[0]).toSorted()).toEqual(
        Object.keys(wrong).toSorted(),
      );
      expect(stderr).not.toContain('short and secret');
    },
  );

  test('is production without secrets', async () => {
    const environment = { NODE_ENV: 'production' };
    const { exitCode, stderr } = await run(['start'], { environment });
    expect(exitCode).toBe(2);
    const names = stderr
      .trimEnd()
      .split('\n')
      .map((line) => line.split(' ')[0]);
    expect(names).toEqual(['JWT_SECRET', 'JWT_REFRESH_SECRET', 'CRYPTO_SECRET']);
    expect(existsSync(join(temporary.path, 'secrets.json'))).toBe(false);
  });
});

describe('a data directory', () => {
  test('keeps secrets and socket from everybody else', async () => {
    await withServer(async () => {
      expect(modeOf('secrets.json')).toBe(0o600);
      expect(modeOf('control.sock')).toBe(0o600);
    });
    expect(existsSync(join(temporary.path, 'control.sock'))).toBe(false);
  });

  test('is made by db:migrate, which may be repeated', async () => {
    for (let time = 1; time <= 2; time += 1) {
      expect(await run(['db:migrate'])).toMatchObject({ exitCode: 0, stderr: '' });
    }
    for (const file of ['log.db', 'vault.db', 'read-model.db', 'jobs.db']) {
      expect(existsSync(join(temporary.path, file))).toBe(true);
    }
  });

  test('is not migrated while a server holds it', async () => {
    await withServer(async () => {
      const { exitCode, stderr } = await run(['db:migrate']);
      expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: expect.stringMatching(oneLine) });
    });
  });
});

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
      expect((await ada.client.admin.users.get({ query: {} as never })).status).toBe(403);
      const promoted = await run(['admin:create', '--email', ` ${ada.email.toUpperCase()} `]);
      expect(promoted).toMatchObject({ exitCode: 0, stderr: '' });
      expect(promoted.stdout).toContain('the password is unchanged');
      expect((await ada.client.admin.users.get({ query: {} as never })).status).toBe(200);
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
  const counts = () => {
    const dump = dumpReadModels(temporary.path);
    return ['users', 'products', 'messages'].map((table) => dump[table]!.length);
  };

  test('adds what it was asked for, while no server runs and then while one does', async () => {
    const first = await run(args);
    expect(first.exitCode).toBe(0);
    expect(first.stdout).toStartWith('7 users, 30 products, 50 messages.\n');
    expect(await readLog(temporary.path)).toHaveLength(87);
    await withServer(async (url) => {
      expect(await run(args)).toMatchObject({ exitCode: 0 });
      expect(counts()).toEqual([14, 60, 100]);
      const [user] = dumpReadModels(temporary.path)['users']!.map((row) => JSON.parse(row));
      const secrets = [first.stdout].map((text) => /password (\S+)/.exec(text)![1]!);
      const signedIn = await Promise.all(
        secrets.map((secret) =>
          createClient(url).auth.login.post({ email: user.email, password: secret }),
        ),
      );
      expect(signedIn.map(({ status }) => [200, 401].includes(status))).toEqual([true]);
    });
    expect(
      differences(dumpReadModels(temporary.path), await foldReadModels(temporary.path)),
    ).toEqual([]);
  });

  test('adds nothing when asked for nothing', async () => {
    const none = await run(['seed', '--users', '0', '--products', '0', '--messages', '0']);
    expect(none).toMatchObject({ exitCode: 0, stdout: '0 users, 0 products, 0 messages.\n' });
    expect(await readLog(temporary.path)).toEqual([]);
  });
});

describe('tour', () => {
  test('walks to its end and leaves nothing behind', async () => {
    const { exitCode, stdout, stderr } = await run(['tour']);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toEndWith('Everything went as it should.\n');
    expect(stdout).not.toContain('✗');
    expect(existsSync(join(temporary.path, 'log.db'))).toBe(false);
  }, 9_000); // whatever a stop forgets to end keeps the process for ten seconds
});

describe('a log that somebody has tampered with', () => {
  const seeded = temporaryDirectory();
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
    const database = new Database(join(seeded.path, 'log.db'));
    database.run('DROP TRIGGER events_are_never_updated');
    database.run(
      "UPDATE events SET data = replace(data, 'priceCents', 'priceCentz') WHERE position = 17",
    );
    database.close();
    const { exitCode, stdout, stderr } = await run(['verify'], { directory: seeded.path });
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' });
    expect(stderr.trimEnd().split('\n').at(-1)).toContain('position 17');
  });
});
