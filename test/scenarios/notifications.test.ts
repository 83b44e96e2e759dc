import { afterAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { createClient } from '../../src/client/index.ts';
import type { StoredEvent } from '../../src/kernel/event-log.ts';
import { idOf } from '../../src/kernel/stream.ts';
import { caughtUp, reactedToAll, signUpActors } from '../../src/testing/actors.ts';
import { engine, placeOf } from '../../src/testing/engine.ts';
import { seededRandom } from '../../src/testing/random.ts';
import { differences, dumpReadModels, foldReadModels, readLog } from '../../src/testing/rows.ts';
import { spawnServer, temporaryPlace } from '../../src/testing/server.ts';

setDefaultTimeout(240_000);

const rounds = engine === 'postgres' ? 6 : 12;
const clients = 8;
const postedMax = 120;

const temporary = temporaryPlace();
const directory = temporary.path;
const random = seededRandom('notifications');
let server: Awaited<ReturnType<typeof spawnServer>>;

afterAll(async () => {
  server?.child.kill('SIGKILL');
  await server?.child.exited;
  await temporary.remove();
});

type Data = Readonly<Record<string, string>>;
const dataOf = ({ data }: StoredEvent) => JSON.parse(data) as Data;
const causeOf = ({ meta }: StoredEvent) =>
  (JSON.parse(meta) as { causationId: string }).causationId;
const ofType = (events: readonly StoredEvent[], type: string) =>
  events.filter((event) => event.type === type);

/** A room is named after the numbers of those whom its messages mention, since texts are sealed. */
function roomFor(recipients: readonly number[]) {
  return `to-${recipients.join('-') || 'nobody'}`;
}

function recipientsIn(room: string): number[] {
  return room === 'to-nobody' ? [] : room.slice(3).split('-').map(Number);
}

/** How many notifications lie behind the checkpoint: what the next start will meet again. */
async function behindCheckpoint(events: readonly StoredEvent[]): Promise<number> {
  const { run } = await placeOf(directory);
  const [kept] = await run(
    'log',
    "SELECT position FROM follower_checkpoints WHERE follower = 'notifications'",
  );
  const position = Number(kept!['position']);
  const late = new Set(events.filter((one) => one.position > position).map(({ id }) => id));
  return ofType(events, 'NotificationRaised').filter((one) => late.has(causeOf(one))).length;
}

describe(`a server that is killed ${rounds} times while it tells of mentions`, () => {
  test('has told each of each, once', async () => {
    server = await spawnServer(directory);
    const { admin, users, actors } = await signUpActors({ url: server.url, directory }, 4);
    const names = users.map((_, index) => `Somebody the ${index}th`);
    for (const [index, { client }] of users.entries()) {
      expect((await client.profile.patch({ name: names[index]! })).status).toBe(200);
    }
    let metAgain = 0;

    for (let round = 0; round < rounds; round += 1) {
      let left = random.between(1, postedMax);
      await Promise.all(Array.from({ length: clients }, () => client()));
      await server.child.exited;
      metAgain += await behindCheckpoint(await readLog(directory));
      server = await spawnServer(directory);

      async function client() {
        for (;;) {
          left -= 1;
          if (left === 0) server.child.kill('SIGKILL');
          const author = random.pick(users);
          const recipients = users
            .keys()
            .filter(() => random.isTrue(0.5))
            .toArray();
          const text = recipients
            .map((one) =>
              random.isTrue(0.5) ? `@${names[one]!.toUpperCase()}` : `@${users[one]!.email}`,
            )
            .concat('good morning')
            .join(', ');
          const posted = await fetch(`${server.url}/chat/${roomFor(recipients)}/messages`, {
            method: 'POST',
            headers: {
              authorization: `Bearer ${author.accessToken}`,
              'content-type': 'application/json',
            },
            body: JSON.stringify({ text }),
          }).catch(() => undefined);
          if (!posted) return;
          await posted.text().catch(() => '');
        }
      }
    }

    const head = await reactedToAll(directory);
    const events = await readLog(directory);
    const raised = ofType(events, 'NotificationRaised');
    const told = Map.groupBy(raised, causeOf);
    const messages = ofType(events, 'MessagePosted');
    for (const message of messages) {
      const { room, authorId } = dataOf(message) as { room: string; authorId: string };
      const expected = recipientsIn(room).map((one) => actors[one]!.id);
      expect((told.get(message.id) ?? []).map((one) => dataOf(one)['userId']!).toSorted()).toEqual(
        expected.filter((id) => id !== authorId).toSorted(),
      );
    }
    expect(new Set(raised.map(({ stream }) => idOf(stream))).size).toBe(raised.length);
    process.stderr.write(
      `notifications: ${messages.length} messages, ${raised.length} told, ${metAgain} met again\n`,
    );
    expect(metAgain).toBeGreaterThan(0);

    await caughtUp(server.url, admin.accessToken, head);
    expect(differences(await dumpReadModels(directory), await foldReadModels(directory))).toEqual(
      [],
    );
    for (const { accessToken, user } of users) {
      const client = createClient(server.url, { accessToken: () => accessToken });
      const { data } = await client.notifications.get({ query: {} });
      const own = raised.filter((one) => dataOf(one)['userId'] === user.id);
      expect(data?.total).toBe(own.length);
    }
  });

  test('tells nothing anew when its read models are rebuilt or lost', async () => {
    const before = (await readLog(directory)).length;
    const names = Object.keys(await dumpReadModels(directory));
    expect(names).toContain('notifications');
    server.child.kill('SIGTERM');
    expect(await server.child.exited).toBe(0);
    const { loseReadModels } = await placeOf(directory);
    await loseReadModels();
    server = await spawnServer(directory);
    expect(await reactedToAll(directory)).toBe(before);
  });
});
