import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import postgres from 'postgres';
import { temporaryDirectory } from '../src/testing/directory.ts';
import { freshDatabase } from '../src/testing/postgres.ts';
import { onEitherEngine, servicesFor } from './needs.ts';
import { notStarted } from './postgres.ts';
import { startRedis } from '../src/testing/redis.ts';
import { provideRedis } from './redis.ts';

describe('a test file', () => {
  const needs = async (...files: readonly string[]) => [...(await servicesFor(files))].toSorted();

  test('needs what it imports', async () => {
    expect(await needs('scripts/services.test.ts')).toEqual(['postgres', 'redis']);
  });

  test('needs what something imports that it imports', async () => {
    expect(await needs('./test/browser/live-page.test.ts')).toContain('chromium');
  });

  test('needs nothing else', async () => {
    expect(await needs('src/kernel/chain.test.ts', 'scripts/chromium.test.ts')).toEqual([]);
  });
});

describe('servers of a test file', () => {
  test('run on either engine', async () => {
    const files = ['test/http/products.test.ts', 'test/client/live.test.ts'];
    expect(await onEitherEngine(files)).toEqual(files);
  });

  test('run once where it is about files or PostgreSQL alone, or has none', async () => {
    const files = [
      'test/http/jobs-in-files.test.ts',
      'test/scenarios/nodes.test.ts',
      'src/kernel/chain.test.ts',
    ];
    expect(await onEitherEngine(files)).toEqual([]);
  });
});

describe('a fresh database', () => {
  test('is empty, and no other sees what is in it', async () => {
    const databases = await Promise.all([freshDatabase(), freshDatabase()]);
    const clients = databases.map(({ url }) => postgres(url, { max: 1 }));
    const tables = async (client: postgres.Sql) =>
      client`SELECT tablename FROM pg_tables WHERE schemaname = 'public'`.values();
    await clients[0]!`CREATE TABLE one (id integer)`;
    expect(await tables(clients[0]!)).toEqual([['one']] as never);
    expect(await tables(clients[1]!)).toEqual([] as never);
    await Promise.all(clients.map((client) => client.end()));
    await Promise.all(databases.map(({ drop }) => drop()));
  });

  test('is gone once it is dropped, whoever is connected to it', async () => {
    const { url, drop } = await freshDatabase();
    const client = postgres(url, { max: 1 });
    await client`SELECT 1`;
    await drop();
    const failure = await client`SELECT 1`.catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(Error);
    await client.end();
  });

  test('is refused to tests that nothing was started for, with the command that does', async () => {
    const script = `
      const { freshDatabase } = await import('./src/testing/postgres.ts');
      await freshDatabase().catch(({ message }) => console.log(message));
    `;
    const child = Bun.spawn([process.execPath, '-e', script], {
      cwd: join(import.meta.dir, '..'),
      env: { ...process.env, TEST_POSTGRES_URL: '' },
      stdout: 'pipe',
    });
    expect(await child.stdout.text()).toContain('`bun run test FILE`');
  });
});

describe('a PostgreSQL that does not start', () => {
  test('says why', () => {
    expect(notStarted('FATAL: no space left\n').message).toEndWith('FATAL: no space left');
  });

  test('for lack of its libraries says what brings them', () => {
    const said = 'initdb: error while loading shared libraries: libicuuc.so.60: cannot open';
    expect(notStarted(said).message).toContain('bun install --force');
  });
});

test('a Redis of a test keeps over its being killed what it has acknowledged', async () => {
  const server = await startRedis();
  const first = new Bun.RedisClient(server.url);
  await first.set('key', 'value');
  first.close();
  await server.kill();
  await server.restart();
  const second = new Bun.RedisClient(server.url);
  expect(await second.get('key')).toBe('value');
  second.close();
  await server.stop();
});

describe('a machine without Redis', () => {
  let directory: ReturnType<typeof temporaryDirectory>;
  const file = (name: string) => join(directory.path, name);

  beforeEach(async () => {
    directory = temporaryDirectory();
    await Bun.write(file('apt-get'), `#!/bin/sh\necho "$@" >> "$0.log"\n`);
    await chmod(file('apt-get'), 0o755);
  });
  afterEach(() => directory.remove());

  test('gets it from the packages of the system, for root', async () => {
    await provideRedis({ environment: { PATH: directory.path }, isRoot: true });
    expect(await Bun.file(file('apt-get.log')).text()).toBe(
      'update\ninstall --yes --no-install-recommends redis-server\n',
    );
  });

  test('gets nothing for anybody else, or where there is one already', async () => {
    await provideRedis({ environment: { PATH: directory.path }, isRoot: false });
    await Bun.write(file('redis-server'), '#!/bin/sh\n');
    await chmod(file('redis-server'), 0o755);
    await provideRedis({ environment: { PATH: directory.path }, isRoot: true });
    expect(await Bun.file(file('apt-get.log')).exists()).toBe(false);
  });
});
