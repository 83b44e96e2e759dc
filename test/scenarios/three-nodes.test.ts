// Three nodes under load. One after the other is killed and started again, another one sleeps meanwhile and wakes as
// a zombie, and connections to the database are cut all the while. What was acknowledged is there, once; every row,
// every follower and every reaction is what the log says. CHAOS_SECONDS makes it longer.
import { afterAll, expect, setDefaultTimeout, test } from 'bun:test';
import { registry } from '../../src/events/index.ts';
import type { StoredEvent } from '../../src/kernel/event-log.ts';
import { idOf, logStart } from '../../src/kernel/stream.ts';
import { createKeyEncryption } from '../../src/storage/key-encryption.ts';
import { createKeyring } from '../../src/storage/keyring.ts';
import { openPostgresReaders } from '../../src/storage/postgres/readers.ts';
import { verifyLog } from '../../src/storage/verify.ts';
import { startNodes } from '../../src/testing/chaos.ts';
import { runCommand } from '../../src/testing/command-line.ts';
import {
  type Actor,
  contradictions,
  createLoad,
  emptyRecord,
  type Record,
  sendCommand,
} from '../../src/testing/load.ts';
import { seededRandom } from '../../src/testing/random.ts';
import { differences, dumpDatabase, foldEvents } from '../../src/testing/rows.ts';
import { signIn, signUp } from '../../src/testing/server.ts';
import { openEventStream } from '../../src/testing/streams.ts';

const seconds = Number(process.env['CHAOS_SECONDS'] ?? 30);
const clientsEach = 6;
const followersEach = 2;
/** A node is killed so often; it is away for a moment before it starts again. */
const killMs = seconds >= 120 ? 20_000 : 8_000;
/** Longer than a lease, so that others have done its work when it wakes. */
const sleepMsMax = 5_000;
const cutMs = 700;
const cutPercent = 15;
const eventsMax = 10_000_000;

setDefaultTimeout((seconds + 120) * 1_000);

const random = seededRandom(`three nodes ${process.env['CHAOS_SEED'] ?? ''}`);
const fleet = await startNodes(3);
afterAll(async () => {
  await fleet.stop();
  await fleet.database.drop();
});

let isOver = false;
const goesOn = () => !isOver;
const pause = (ms: number) => Bun.sleep(ms);

/** What a client does not know, because there was no answer or one that says so. */
function setUnknownAside(record: Record) {
  const isUnknown = ({ status }: Record['refused'][number]) => status === 503;
  record.unknown.push(...record.refused.filter(isUnknown).map(({ sent }) => sent));
  record.refused.splice(0, Infinity, ...record.refused.filter((one) => !isUnknown(one)));
}

/** One command after another, to whichever node; a node that is away is left for another. */
async function client(load: ReturnType<typeof createLoad>, record: Record) {
  while (goesOn()) {
    const isAnswered = await sendCommand(random.pick(fleet.urls()), load.next(), record);
    if (!isAnswered) await pause(20);
  }
}

/** Mentions people again and again with keys of their own, until each is acknowledged. */
async function mentioner(actor: Actor, name: string, acknowledged: Set<string>) {
  while (goesOn()) {
    const key = crypto.randomUUID();
    for (let isDone = false; !isDone;) {
      const response = await fetch(`${random.pick(fleet.urls())}/chat/mentions/messages`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${actor.token}`,
          'content-type': 'application/json',
          'idempotency-key': key,
        },
        body: JSON.stringify({ text: `@${name} ${key}` }),
      }).catch(() => undefined);
      if (response?.status === 201) {
        acknowledged.add(((await response.json()) as { id: string }).id);
        isDone = true;
      } else {
        await response?.body?.cancel();
        await pause(50);
      }
    }
    await pause(50);
  }
}

/** Follows all events from the first, on whichever node, and goes on elsewhere when a stream ends. */
async function follower(token: string, isDone: (position: number) => boolean) {
  const positions: number[] = [];
  let streams = 0;
  while (!isDone(positions.at(-1) ?? 0)) {
    const after = positions.at(-1) ?? 0;
    const stream = await openEventStream(random.pick(fleet.urls()), {
      token,
      query: `after=${after}`,
    }).catch(() => undefined);
    if (!stream) {
      await pause(50);
      continue;
    }
    streams += 1;
    await Promise.race([stream.ended, stream.until(() => isDone(stream.positions().at(-1) ?? 0))]);
    positions.push(...stream.positions());
    await stream.cut();
    await pause(20);
  }
  return { positions, streams };
}

/** In turn one node is killed and started again, after the next one has slept and woken as a zombie. */
async function troubleNodes() {
  let kills = 0;
  let sleeps = 0;
  let next = performance.now();
  const rest = (ms: number) => pause(Math.max(0, ms));
  for (let index = 0; ; index = (index + 1) % 3) {
    next += killMs;
    await rest(next - performance.now() - sleepMsMax);
    if (!goesOn()) break;
    fleet.sleep((index + 1) % 3);
    sleeps += 1;
    await pause(random.between(500, sleepMsMax));
    fleet.wake((index + 1) % 3);
    await rest(next - performance.now());
    if (!goesOn()) break;
    await fleet.kill(index);
    kills += 1;
    await pause(random.between(0, 1_500));
    await fleet.restart(index);
  }
  return { kills, sleeps };
}

async function cutConnections(): Promise<number> {
  let cuts = 0;
  while (goesOn()) {
    await pause(random.between(1, 2 * cutMs));
    cuts += await fleet.cut(random, cutPercent);
  }
  return cuts;
}

function expectWholeLog(events: readonly StoredEvent[]) {
  const versions = new Map<string, number>();
  events.forEach(({ position, stream, version }, index) => {
    const next = (versions.get(stream) ?? 0) + 1;
    if ((position as number) !== index + 1 || (version as number) !== next)
      throw new Error(`Position ${position} is ${stream} at ${version}, not ${next}.`);
    versions.set(stream, next);
  });
}

test(`three nodes for ${seconds} seconds`, async () => {
  const users = await Promise.all(
    Array.from({ length: 5 }, (_, index) => signUp(fleet.urls()[index % 3]!)),
  );
  const mentioned = await signUp(fleet.urls()[0]!, { name: `Mentioned ${crypto.randomUUID()}` });
  const [first] = users as [(typeof users)[0]];
  const environment = { DATABASE_URL: fleet.database.url, ...fleet.secrets };
  const made = await runCommand(['admin:create', '--email', first.email], {
    directory: '.',
    environment,
  });
  expect(made).toMatchObject({ exitCode: 0, stderr: '' });
  const admin = await signIn(fleet.urls()[1]!, first.email);
  const actors = users.map(({ user, accessToken }, index): Actor => ({
    id: user.id,
    token: index === 0 ? admin.accessToken : accessToken,
  }));

  const load = createLoad(random, actors, 2);
  const record = emptyRecord();
  const mentions = new Set<string>();
  let head = Number.POSITIVE_INFINITY;
  const following = Array.from({ length: 3 * followersEach }, () =>
    follower(admin.accessToken, (position) => position >= head),
  );
  const working = [
    ...Array.from({ length: 3 * clientsEach }, () => client(load, record)),
    mentioner(actors[1]!, mentioned.user.name, mentions),
  ];
  const faults = [troubleNodes(), cutConnections()] as const;
  await pause(seconds * 1_000);
  isOver = true;
  const [{ kills, sleeps }, cuts] = await Promise.all(faults);
  await Promise.all(working);

  // Reading as of the head waits for the rows, wherever they are made now.
  const { log, vault, close } = await openPostgresReaders(fleet.database.url);
  await untilReactedTo();
  head = await log.head();
  for (const url of fleet.urls()) await untilCaughtUp(url, admin.accessToken, head);
  const events = await log.readAll(logStart, eventsMax);
  expectWholeLog(events);
  expect(await verifyLog(log, () => {})).toBe(events.at(-1)!.hash);

  setUnknownAside(record);
  expect(contradictions(record, events)).toEqual([]);

  const keyring = createKeyring(vault, createKeyEncryption([fleet.secrets.CRYPTO_SECRET]));
  const decoded = await registry.decode(events, keyring);
  expect(differences(await dumpDatabase(fleet.database.url), foldEvents(decoded))).toEqual([]);

  const raised = decoded.filter(({ type }) => type === 'NotificationRaised');
  const causes = raised.map(({ meta }) => meta.causationId);
  expect(new Set(causes).size).toBe(causes.length);
  const posted = decoded.filter(
    ({ stream, type }) => type === 'MessagePosted' && mentions.has(idOf(stream)),
  );
  expect(posted.length).toBe(mentions.size);
  const caused = new Set(causes);
  expect(posted.filter(({ id }) => !caused.has(id))).toEqual([]);

  const all = Array.from({ length: head }, (_, index) => index + 1);
  for (const { positions } of await Promise.all(following)) {
    expect(positions.slice(0, head)).toEqual(all);
  }
  await close();
  process.stderr.write(
    `three nodes: ${record.acknowledged.length} acknowledged, ${record.refused.length} refused, ` +
      `${record.unknown.length} unknown, ${mentions.size} mentions, ${kills} kills, ${sleeps} sleeps, ${cuts} cuts\n`,
  );
  expect(Math.min(kills, sleeps, cuts, record.acknowledged.length, mentions.size)).toBeGreaterThan(
    0,
  );
  expect(await fleet.stop()).toEqual([0, 0, 0]);
});

/** Until notifications have been raised for all that is in the log. */
async function untilReactedTo() {
  const { log, close } = await openPostgresReaders(fleet.database.url);
  const { sql } = fleet;
  for (;;) {
    const head = await log.head();
    const rows = await sql<{ position: number }[]>`
      SELECT position::int FROM log.follower_checkpoints WHERE follower = 'notifications'`;
    if (rows[0]!.position >= head) break;
    await pause(50);
  }
  await close();
}

async function untilCaughtUp(url: string, token: string, position: number) {
  const headers = { authorization: `Bearer ${token}`, 'read-after': String(position) };
  for (;;) {
    const response = await fetch(`${url}/products?limit=1`, { headers });
    await response.body?.cancel();
    if (response.status === 200) return;
    await pause(50);
  }
}
