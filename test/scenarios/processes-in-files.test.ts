// Processes that would share a data directory, which belongs to one server.
import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { join } from 'node:path';
import { productStream } from '../../src/events/products.ts';
import { migrationsFolder } from '../../src/storage/migrate.ts';
import { openLogWriter } from '../../src/storage/sqlite/log-writer.ts';
import { caughtUp, reactedToAll, signUpActors } from '../../src/testing/actors.ts';
import { runCommand } from '../../src/testing/command-line.ts';
import { appendOf } from '../../src/testing/log.ts';
import { differences, dumpReadModels } from '../../src/testing/rows.ts';
import { spawnServer, temporaryDirectory } from '../../src/testing/server.ts';

setDefaultTimeout(60_000);

let temporary: ReturnType<typeof temporaryDirectory>;
let children: Bun.Subprocess[] = [];

beforeEach(() => void (temporary = temporaryDirectory()));
afterEach(async () => {
  for (const child of children) child.kill('SIGKILL');
  await Promise.all(children.map(({ exited }) => exited));
  children = [];
  temporary.remove();
});

async function start(directory = temporary.path) {
  const server = await spawnServer(directory);
  children.push(server.child);
  return { ...server, directory };
}

const isHealthy = async (url: string) => (await fetch(`${url}/ready`)).ok;

describe('a second server on the same data directory', () => {
  test('is refused in one line, and the first goes on', async () => {
    const first = await start();
    const second = await runCommand(['start'], { directory: temporary.path });
    expect(second).toEqual({
      exitCode: 1,
      stdout: '',
      stderr: expect.stringMatching(
        new RegExp(`^The data directory .+ is in use by process ${first.child.pid}\\. .+\\n$`),
      ),
    });
    expect(await isHealthy(first.url)).toBe(true);
    const { admin } = await signUpActors(first, 1);
    expect((await admin.client.profile.get()).data?.role).toBe('admin');
  });

  test('starts once the first has been killed', async () => {
    const first = await start();
    first.child.kill('SIGKILL');
    await first.child.exited;
    const second = await start();
    expect(await isHealthy(second.url)).toBe(true);
  });

  test('among ten that start at once is one that wins', async () => {
    const { path: directory } = temporary;
    const attempts = await Promise.allSettled(Array.from({ length: 10 }, () => start(directory)));
    const winners = attempts.filter(({ status }) => status === 'fulfilled');
    const losers = attempts.flatMap((one) =>
      one.status === 'rejected' ? [String(one.reason)] : [],
    );
    expect(winners).toHaveLength(1);
    for (const loser of losers) expect(loser).toContain('is in use by process');
  });
});

describe('a rebuild beside a server', () => {
  test('is no trouble to the server, which goes on from the new rows', async () => {
    const server = await start();
    const { admin } = await signUpActors(server, 1);
    expect(await runCommand(['replay'], server)).toMatchObject({ exitCode: 0 });
    await admin.client.products.post({ name: 'Mug', price: 9.5, sku: 'MUG-1' });
    expect((await admin.client.products.get({ query: {} })).data?.total).toBe(1);
    expect(server.log()).not.toContain('retrying');
  });

  test('knows nothing that the server has not synced', async () => {
    const server = await start();
    const { admin } = await signUpActors(server, 1);
    await caughtUp(server.url, admin.accessToken, await reactedToAll(server.directory));
    const rows = await dumpReadModels(server.directory);
    const writer = openLogWriter(
      join(server.directory, 'log.db'),
      migrationsFolder('log', 'sqlite'),
    );
    const data = JSON.stringify({ name: 'Ghost', sku: 'G', priceCents: 1, createdBy: 'ada' });
    const event = { id: 'ghost', type: 'ProductCreated', schemaVersion: 1, data };
    const stream = productStream('ghost');
    writer.append([appendOf({ stream, expected: 'none', events: [event] })]);

    expect(await runCommand(['replay'], server)).toMatchObject({ exitCode: 0 });
    expect(differences(await dumpReadModels(server.directory), rows)).toEqual([]);
    const { rebuild } = admin.client.admin.projections({ name: 'products' });
    expect((await rebuild.post()).status).toBe(202);
    const list = async () => (await admin.client.admin.projections.get()).data!.data;
    while ((await list()).some(({ status }) => status === 'rebuilding'));
    expect(differences(await dumpReadModels(server.directory), rows)).toEqual([]);
    expect(await isHealthy(server.url)).toBe(true);
    writer.close();
  });
});
