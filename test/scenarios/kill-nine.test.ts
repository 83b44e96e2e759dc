import { afterAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import type { StoredEvent } from '../../src/kernel/event-log.ts';
import { idOf } from '../../src/kernel/stream.ts';
import { verifyLog } from '../../src/storage/verify.ts';
import { caughtUp, reactedToAll, signUpActors } from '../../src/testing/actors.ts';
import { runCommand, spawnCommand } from '../../src/testing/command-line.ts';
import { engine, placeOf } from '../../src/testing/engine.ts';
import {
  contradictions,
  createLoad,
  drive,
  emptyRecord,
  type Record,
  sendCommand,
  type Sent,
} from '../../src/testing/load.ts';
import { seededRandom } from '../../src/testing/random.ts';
import {
  differences,
  type Dump,
  dumpReadModels,
  foldReadModels,
  openLog,
  readLog,
} from '../../src/testing/rows.ts';
import { spawnServer, temporaryPlace } from '../../src/testing/server.ts';

setDefaultTimeout(60_000);

const rounds = engine === 'postgres' ? 6 : 20;
const clients = 16;
const acknowledgedMax = 600;

const temporary = temporaryPlace();
const directory = temporary.path;
const children: Bun.Subprocess[] = [];

type Values = { readonly [column: string]: string };

afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await Promise.all(children.map(({ exited }) => exited));
  await temporary.remove();
});

async function start() {
  const server = await spawnServer(directory);
  children.push(server.child);
  return server;
}

async function sendAll(url: string, commands: readonly Sent[]): Promise<Record> {
  const record = emptyRecord();
  await Promise.all(commands.map((sent) => sendCommand(url, sent, record)));
  expect(record.unknown).toEqual([]);
  return record;
}

function outcomesOf({ acknowledged, refused }: Record) {
  const accepted = acknowledged.map(({ sent, position }) => `${sent.id} at ${position}`);
  return [...accepted, ...refused.map(({ sent, status }) => `${sent.id}: ${status}`)].toSorted();
}

/** Positions and versions have no gaps, and the chain of hashes holds. */
async function expectWholeLog(events: readonly StoredEvent[]) {
  expect(events.map(({ position }) => position as number)).toEqual(
    events.map((_, index) => index + 1),
  );
  const versions = new Map<string, number>();
  for (const { stream, version } of events) {
    expect({ stream, version: version as number }).toEqual({
      stream,
      version: (versions.get(stream) ?? 0) + 1,
    });
    versions.set(stream, version);
  }
  const log = await openLog(directory);
  expect(await verifyLog(log, () => {})).toBe(events.at(-1)!.hash);
  await log.close();
}

/** Whoever has registered and was not erased is in the vault, confirmed and with a password; nobody else is. */
async function expectOnlyKnownPersons(events: readonly StoredEvent[]) {
  const idsOf = (wanted: string) =>
    events.filter(({ type }) => type === wanted).map(({ stream }) => idOf(stream));
  const erased = new Set(idsOf('UserErased'));
  const { run } = await placeOf(directory);
  const persons = await run(
    'vault',
    `SELECT id, CAST(is_confirmed AS integer) AS confirmed, substr(password_hash, 1, 9) AS hash
     FROM persons LEFT JOIN credentials ON person_id = id ORDER BY id`,
  );
  const ids = idsOf('UserRegistered')
    .filter((id) => !erased.has(id))
    .toSorted();
  expect(persons).toEqual(ids.map((id) => ({ id, confirmed: 1, hash: '$argon2id' })));
}

/** A start leaves alone what another node may be about to finish, which takes it minutes at most. */
async function letRegistrationsAge() {
  const { run } = await placeOf(directory);
  await run('vault', "UPDATE credentials SET changed_at = '2026-01-01T00:00:00.000Z'");
}

/** Names that are held belong to the things that have them now. */
function expectNoDuplicates(dump: Dump) {
  for (const [table, column] of [
    ['products', 'search_sku'],
    ['users', 'search_email'],
  ] as const) {
    const values = dump[table]!.map((row) => (JSON.parse(row) as Values)[column]);
    expect(new Set(values).size).toBe(values.length);
  }
}

describe(`a server that is killed ${rounds} times under load`, () => {
  test('has what it acknowledged, nothing twice, and nothing that nobody sent', async () => {
    const random = seededRandom('kill -9');
    let server = await start();
    const { admin, actors } = await signUpActors({ url: server.url, directory }, 5);
    const load = createLoad(random, actors, 2);
    const record = emptyRecord();
    let unknownInAll = 0;
    let storedUnknown = 0;

    for (let round = 1; round <= rounds; round += 1) {
      const enough = record.acknowledged.length + random.between(1, acknowledgedMax);
      const isEnough = () => {
        if (record.acknowledged.length < enough) return false;
        server.child.kill('SIGKILL');
        return true;
      };
      await drive({ url: server.url, load, record, clients, isEnough });
      await server.child.exited;
      if (random.isTrue(0.3)) await killWhileStarting();

      const stored = await readLog(directory);
      expect(contradictions(record, stored)).toEqual([]);

      if (engine === 'postgres') await letRegistrationsAge();
      server = await start();
      const unknown = record.unknown.splice(0);
      const ids = new Set(
        stored.map(({ meta }) => (JSON.parse(meta) as { correlationId: string }).correlationId),
      );
      unknownInAll += unknown.length;
      storedUnknown += unknown.filter(({ id }) => ids.has(id)).length;
      // Without a key a repeated change may find that others have gone on; it is not repeated then.
      const keyed = unknown.filter(({ key }) => key !== undefined);
      const unkeyed = unknown.filter(({ key }) => key === undefined);
      const first = await sendAll(server.url, keyed);
      const second = await sendAll(
        server.url,
        keyed.map((sent) => ({ ...sent, onAccepted: undefined })),
      );
      expect(outcomesOf(second)).toEqual(outcomesOf(first));
      record.acknowledged.push(...first.acknowledged);
      record.refused.push(...first.refused);

      const head = await reactedToAll(directory);
      const events = await readLog(directory);
      expect(contradictions({ ...record, unknown: unkeyed }, events)).toEqual([]);
      await expectWholeLog(events);
      await caughtUp(server.url, admin.accessToken, head);
      const dump = await dumpReadModels(directory);
      expect(differences(dump, await foldReadModels(directory))).toEqual([]);
      expectNoDuplicates(dump);
      await expectOnlyKnownPersons(events);
    }

    process.stderr.write(
      `kill -9: ${record.acknowledged.length} acknowledged, ${record.refused.length} refused, ` +
        `${unknownInAll} unknown, ${storedUnknown} of these stored\n`,
    );
    expect(unknownInAll).toBeGreaterThan(0);
    server.child.kill('SIGTERM');
    expect(await server.child.exited).toBe(0);
    expect(await runCommand(['verify'], { directory })).toMatchObject({ exitCode: 0 });

    /** As soon as it has the lock, or somewhat later. */
    async function killWhileStarting() {
      const child = await spawnCommand(['start'], { directory });
      children.push(child);
      for (let turns = random.between(1, 400); turns > 0; turns -= 1) {
        await new Promise<void>((resolve) => setImmediate(resolve));
      }
      child.kill('SIGKILL');
      await child.exited;
    }
  }, 240_000);
});
