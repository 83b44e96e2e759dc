// What needs no store, and what is about the data directory.
import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type CommandLine, runCommand } from '../../src/testing/command-line.ts';
import { spawnServer, temporaryDirectory } from '../../src/testing/server.ts';

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

describe('tour', () => {
  test('walks to its end and leaves nothing behind', async () => {
    const { exitCode, stdout, stderr } = await run(['tour']);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toEndWith('Everything went as it should.\n');
    expect(stdout).not.toContain('✗');
    expect(existsSync(join(temporary.path, 'log.db'))).toBe(false);
  }, 9_000); // whatever a stop forgets to end keeps the process for ten seconds
});
