import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { existsSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { caughtUp, reactedToAll, signUpActors } from '../../src/testing/actors.ts';
import { runCommand } from '../../src/testing/command-line.ts';
import { createLoad, drive, emptyRecord } from '../../src/testing/load.ts';
import { seededRandom } from '../../src/testing/random.ts';
import { readLog } from '../../src/testing/rows.ts';
import { signUp, spawnServer, startServer, temporaryDirectory } from '../../src/testing/server.ts';

setDefaultTimeout(60_000);

let temporary: ReturnType<typeof temporaryDirectory>;
beforeEach(() => void (temporary = temporaryDirectory()));
afterEach(() => temporary.remove());

const fileOf = (name: string) => join(temporary.path, name);

/** A server takes so many commands, projects them, and ends; the log has the length it answers. */
async function run(commands: number, signal: 'SIGTERM' | 'SIGKILL') {
  const random = seededRandom('damage');
  const { url, child } = await spawnServer(temporary.path);
  const { admin, actors } = await signUpActors({ url, directory: temporary.path }, 2);
  const record = emptyRecord();
  const isEnough = () => record.acknowledged.length >= commands;
  await drive({ url, record, load: createLoad(random, actors, 0), clients: 8, isEnough });
  const head = await reactedToAll(temporary.path);
  await caughtUp(url, admin.accessToken, head);
  child.kill(signal);
  await child.exited;
  return { random, head };
}

async function expectRefusal(message: RegExp) {
  const { exitCode, stderr } = await runCommand(['start'], { directory: temporary.path });
  expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: expect.stringMatching(message) });
}

/** Those whose text in the file belongs to no other event: two deletions of one room read alike. */
function withDataOfTheirOwn(events: Awaited<ReturnType<typeof readLog>>) {
  const counts = new Map<string, number>();
  for (const { data } of events) counts.set(data, (counts.get(data) ?? 0) + 1);
  return events.filter(({ data }) => counts.get(data) === 1);
}

function* placesOf(text: string, bytes: Buffer): Generator<number> {
  for (let place = bytes.indexOf(text); place >= 0; place = bytes.indexOf(text, place + 1)) {
    yield place;
  }
}

describe('a log in which one bit has turned over', () => {
  test('in the data of an event is refused at the start, with the position', async () => {
    const { random, head } = await run(200, 'SIGTERM');
    const { position, data } = random.pick(
      withDataOfTheirOwn((await readLog(temporary.path)).slice(0, head)),
    );
    const bytes = readFileSync(fileOf('log.db'));
    const offset = random.below(data.length);
    const bit = 2 ** random.below(7);
    // A page that was split still holds a copy that nothing reads: every copy is hit.
    const places = [...placesOf(data, bytes)];
    expect(places).not.toBeEmpty();
    for (const place of places) bytes[place + offset]! ^= bit;
    writeFileSync(fileOf('log.db'), bytes);
    await expectRefusal(new RegExp(`^The hash chain breaks at position ${position}: [^\\n]+\\n$`));
    const { exitCode, stderr } = await runCommand(['verify'], { directory: temporary.path });
    expect(exitCode).toBe(1);
    expect(stderr).toContain(`position ${position}:`);
  });

  test('in the header of a page is refused at the start', async () => {
    await run(500, 'SIGTERM');
    const bytes = readFileSync(fileOf('log.db'));
    const pageSize = bytes.readUInt16BE(16);
    for (let page = pageSize; page < bytes.length; page += pageSize) bytes[page]! ^= 0x40;
    writeFileSync(fileOf('log.db'), bytes);
    await expectRefusal(/^A store is damaged: [^\n]+\n$/);
  });
});

describe('a log that has lost the end of its WAL', () => {
  test.each([0.2, 0.9])(
    'is refused while the read models know more, at %d of its length',
    async (kept) => {
      const { head } = await run(300, 'SIGKILL');
      const wal = fileOf('log.db-wal');
      truncateSync(wal, Math.floor(statSync(wal).size * kept));
      rmSync(fileOf('log.db-shm'), { force: true });
      await expectRefusal(
        new RegExp(`^The log ends at position \\d+, but .+ applied ${head}: .+\\n$`),
      );
      await expectRefusal(/lost events/);
    },
  );

  test('is refused by everything that would write to it', async () => {
    await run(100, 'SIGKILL');
    truncateSync(fileOf('log.db-wal'), Math.floor(statSync(fileOf('log.db-wal')).size / 2));
    rmSync(fileOf('log.db-shm'), { force: true });
    const { length } = await readLog(temporary.path);
    const args = ['seed', '--users', '1', '--products', '0', '--messages', '0'];
    const seeded = await runCommand(args, { directory: temporary.path });
    expect(seeded).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('lost events') });
    expect(await readLog(temporary.path)).toHaveLength(length);
  });
});

describe('a log that is gone', () => {
  test('is not replaced by an empty one in silence', async () => {
    const { head } = await run(50, 'SIGTERM');
    for (const suffix of ['', '-wal', '-shm']) rmSync(fileOf(`log.db${suffix}`), { force: true });
    await expectRefusal(new RegExp(`^The log ends at position 0, but .+ applied ${head}: .+\\n$`));
    expect(existsSync(fileOf('read-model.db'))).toBe(true);
  });
});

describe('a data directory', () => {
  test('whose vault is gone is refused, and taken again once it is back', async () => {
    const { path: directory, remove } = temporaryDirectory();
    const server = await startServer({ directory });
    await signUp(server.url);
    await server.stop();
    const vault = await Bun.file(join(directory, 'vault.db')).bytes();
    rmSync(join(directory, 'vault.db'));
    for (const _ of ['once', 'twice']) {
      const refused = await startServer({ directory }).catch((error: unknown) => error);
      expect(refused).toMatchObject({ name: 'VaultMissing' });
    }
    writeFileSync(join(directory, 'vault.db'), vault);
    await (await startServer({ directory })).stop();
    remove();
  });

  test('whose read models are damaged gets them anew', async () => {
    const { path: directory, remove } = temporaryDirectory();
    const first = await startServer({ directory });
    const ada = await signUp(first.url);
    const mug = await ada.client.products.post({ name: 'Mug', price: 1, sku: 'MUG-1' });
    await first.stop();
    writeFileSync(join(directory, 'read-model.db'), crypto.getRandomValues(new Uint8Array(4_096)));
    const second = await startServer({ directory });
    const { readSide, edge } = second.application;
    expect(await readSide.reached(2 as never, 5_000)).toBe(true);
    expect(await edge.queries.products.byId(mug.data!.id)).toMatchObject({ name: 'Mug' });
    await second.stop();
    remove();
  });
});
