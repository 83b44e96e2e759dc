// Whoever follows the system sees each event once, in order, whatever happens to the connection.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { EventSource } from 'eventsource';
import { signUpActors } from '../../src/testing/actors.ts';
import { engine } from '../../src/testing/engine.ts';
import { createLoad, drive, emptyRecord } from '../../src/testing/load.ts';
import { seededRandom } from '../../src/testing/random.ts';
import { readLog } from '../../src/testing/rows.ts';
import { signUp, spawnServer, startServer, temporaryPlace } from '../../src/testing/server.ts';
import {
  type ChatFrame,
  openChat,
  openEventStream,
  openPlainStream,
} from '../../src/testing/streams.ts';

setDefaultTimeout(240_000);

const temporary = temporaryPlace();
const directory = temporary.path;
const random = seededRandom('live');
let server: Awaited<ReturnType<typeof spawnServer>>;
let people: Awaited<ReturnType<typeof signUpActors>>;

beforeAll(async () => {
  server = await spawnServer(directory);
  people = await signUpActors({ url: server.url, directory }, 6);
});

afterAll(async () => {
  server.child.kill('SIGTERM');
  expect(await server.child.exited).toBe(0);
  await temporary.remove();
});

const headOf = async () => (await readLog(directory)).length;
const range = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => from + index);

/** Commands of all kinds go on until `isEnough`. */
function write(isEnough: () => boolean, clients = 8) {
  const load = createLoad(random, people.actors, 0);
  return drive({ url: server.url, load, record: emptyRecord(), clients, isEnough });
}

/** Takes part in a room with connections that are cut at random, until it has seen enough. */
async function chatter(room: string, token: string, isEnough: (frames: ChatFrame[]) => boolean) {
  const seen: ChatFrame[] = [];
  let after = 0;
  let cuts = 0;
  while (!isEnough(seen)) {
    const chat = openChat(server.url, { room, token, after });
    const wanted = random.between(1, 30);
    await chat.until(() => {
      const placed = chat.frames.filter(({ type }) => type === 'message' || type === 'withdrawn');
      return placed.length >= wanted || isEnough([...seen, ...placed]);
    });
    const placed = chat.frames.filter(({ type }) => type === 'message' || type === 'withdrawn');
    seen.push(...placed);
    after = placed.at(-1)?.position ?? after;
    await chat.leave();
    cuts += 1;
  }
  return { seen, cuts };
}

describe('a follower', () => {
  test('that is cut two hundred times under load receives exactly the range of the log', async () => {
    const after = await headOf();
    let cuts = 0;
    const writing = write(() => cuts >= 200);
    const seen: number[] = [];
    let last = after;
    while (cuts < 200) {
      const stream = await openEventStream(server.url, {
        token: people.admin.accessToken,
        after: last,
      });
      await stream.received(random.between(1, 25));
      await stream.cut();
      seen.push(...stream.positions());
      last = seen.at(-1)!;
      cuts += 1;
    }
    await writing;
    const head = await headOf();
    const rest = await openEventStream(server.url, {
      token: people.admin.accessToken,
      after: last,
    });
    await rest.received(head - last);
    seen.push(...rest.positions());
    await rest.cut();
    expect(head - after).toBeGreaterThan(1_000);
    // People may still have been told of the last commands while this stream was open.
    const end = seen.at(-1)!;
    expect(end).toBeGreaterThanOrEqual(head);
    expect(await headOf()).toBeGreaterThanOrEqual(end);
    expect(seen).toEqual(range(after + 1, end));
  });

  test('that is a browser’s EventSource, or curl, gets the same', async () => {
    const after = await headOf();
    const { accessToken: token, client } = people.admin;
    const address = `${server.url}/events/stream?after=${after}&types=ProductCreated&token=${token}`;
    const source = new EventSource(address);
    const names: string[] = [];
    const heard = new Promise<void>((resolve) => {
      source.addEventListener('ProductCreated', ({ data, lastEventId }) => {
        const { position, data: product } = JSON.parse(data as string) as {
          position: number;
          data: { name: string };
        };
        expect(String(position)).toBe(lastEventId);
        names.push(product.name);
        if (names.length === 2) resolve();
      });
    });
    for (const name of ['First', 'Second']) {
      await client.products.post({ name, price: 1, sku: crypto.randomUUID() });
    }
    await heard;
    source.close();
    expect(names).toEqual(['First', 'Second']);
    const curl = Bun.spawn(['curl', '-sN', '--max-time', '20', address], { stdout: 'pipe' });
    const decoder = new TextDecoder();
    let text = '';
    for await (const chunk of curl.stdout) {
      text += decoder.decode(chunk, { stream: true });
      if (text.split('event: ProductCreated').length === 3 && text.endsWith('\n\n')) break;
    }
    curl.kill();
    expect(text.match(/^id: \d+\nevent/gm)).toHaveLength(2);
  });
});

describe('five members of a room', () => {
  test('who are cut at random all see the messages of the log, in its order', async () => {
    const room = 'busy';
    const messages = 120;
    const isEnough = (frames: readonly ChatFrame[]) =>
      frames.filter(({ type }) => type === 'message').length >= messages &&
      frames.some(({ type }) => type === 'withdrawn');
    const members = people.users
      .slice(0, 5)
      .map(({ accessToken }) => chatter(room, accessToken, isEnough));
    const posted: string[] = [];
    for (let index = 0; index < messages; index += 1) {
      const { client } = random.pick(people.users);
      const { data } = await client.chat({ room }).messages.post({ text: `number ${index}` });
      posted.push(data!.id);
    }
    const withdrawn = await people.admin.client
      .chat({ room })
      .messages({ id: posted[7]! })
      .delete();
    expect(withdrawn.status).toBe(204);
    const seen = await Promise.all(members);
    for (const { seen: frames, cuts } of seen) {
      expect(cuts).toBeGreaterThan(3);
      const ids = frames.filter(({ type }) => type === 'message').map(({ id }) => id!);
      expect(ids).toEqual(posted);
      const positions = frames.map(({ position }) => position!);
      expect(positions).toEqual(positions.toSorted((a, b) => a - b));
      expect(frames).toEqual(seen[0]!.seen);
    }
  });
});

/** A reader that takes the head of the answer and nothing after it. */
async function stalledReader(url: string, path: string, token: string, upgrade = '') {
  const { port } = new URL(url);
  const head = Promise.withResolvers<void>();
  const socket = await Bun.connect({
    hostname: '127.0.0.1',
    port: Number(port),
    socket: {
      open(own) {
        own.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n`);
        own.write(`Authorization: Bearer ${token}\r\n${upgrade}\r\n`);
      },
      data(own) {
        own.pause();
        head.resolve();
      },
    },
  });
  await head.promise;
  return socket;
}

const upgrade =
  'Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';

const text = 'x'.repeat(4_000);

function residentBytes(pid: number): number {
  const kib = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kib) * 1_024;
}

describe('readers that stop reading', () => {
  test('are cut within thirty seconds, and hold nobody up', async () => {
    const own = await startServer();
    const { connections } = own.application.edge.live;
    const { accessToken: token, client } = await signUp(own.url);
    const other = await openEventStream(own.url, { token });
    const readers = [
      await stalledReader(own.url, '/events/stream', token),
      await stalledReader(own.url, '/ws/chat/stalled', token, upgrade),
    ];
    expect(connections.size()).toBe(1 + readers.length);
    const start = performance.now();
    let posted = 0;
    const post = async () => {
      while (connections.size() > 1) {
        await client.chat({ room: 'stalled' }).messages.post({ text });
        posted += 1;
      }
    };
    await Promise.all(Array.from({ length: 8 }, post));
    expect(performance.now() - start).toBeLessThan(30_000);
    await other.received(posted);
    expect(other.events().filter(({ type }) => type === 'MessagePosted')).toHaveLength(posted);
    await other.cut();
    for (const socket of readers) socket.terminate();
    await own.stop();
  });

  test('are gone soon after their session has ended, with what they have not read', async () => {
    const own = await startServer();
    const [stays, leaves] = [await signUp(own.url), await signUp(own.url)];
    const readers = [
      await stalledReader(own.url, '/events/stream', stays.accessToken),
      await stalledReader(own.url, '/events/stream', leaves.accessToken),
    ];
    const { feed, connections } = own.application.edge.live;
    const pending = () => own.application.http.server!.pendingRequests;
    expect(feed.size()).toBe(readers.length);
    const room = stays.client.chat({ room: 'stalled' });
    for (let batch = 0; batch < 50; batch += 1) {
      await Promise.all(Array.from({ length: 40 }, () => room.messages.post({ text })));
    }
    const { status } = await fetch(`${own.url}/auth/logout`, {
      method: 'POST',
      headers: { authorization: `Bearer ${leaves.accessToken}` },
    });
    expect(status).toBe(204);
    while (pending() > 1) await new Promise<void>((resolve) => setImmediate(resolve));
    expect(connections.size()).toBe(1); // the other one has not even been cut for stalling
    for (const socket of readers) socket.terminate();
    await own.stop();
  });

  test('cost less than eight megabytes each', async () => {
    const { accessToken: token, client } = people.users[1]!;
    const post = async (count: number) => {
      const room = client.chat({ room: 'stalled' });
      const some = async () => {
        for (let index = 0; index < count / 8; index += 1) await room.messages.post({ text });
      };
      await Promise.all(Array.from({ length: 8 }, some));
    };
    const first = await stalledReader(server.url, '/events/stream', token);
    const many = engine === 'postgres' ? 4_000 : 8_000; // either fills more than a reader may cost
    await post(many);
    const before = residentBytes(server.child.pid);
    const readers = [];
    for (let index = 0; index < 30; index += 1) {
      readers.push(await stalledReader(server.url, '/events/stream', token));
    }
    await post(many);
    const grown = residentBytes(server.child.pid) - before;
    expect(grown / readers.length).toBeLessThan(8 * 1_048_576);
    for (const socket of [first, ...readers]) socket.terminate();
  });

  test('leave nothing behind, as those do not who come and go', async () => {
    const own = await startServer();
    const { connections, feed } = own.application.edge.live;
    const { accessToken: token } = await signUp(own.url);
    const rounds = engine === 'postgres' ? 100 : 500;
    for (let round = 0; round < rounds; round += 1) {
      const streams = await Promise.all(
        Array.from({ length: 20 }, () => openEventStream(own.url, { token })),
      );
      expect(streams.every(({ response }) => response.ok)).toBe(true);
      await Promise.all(streams.map(({ cut }) => cut()));
      while (connections.size() > 0) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(feed.size()).toBe(0);
    await own.stop();
  });
});

describe('a thousand followers', () => {
  test('all receive all, in one order', async () => {
    const users = await Promise.all(Array.from({ length: 32 }, () => signUp(server.url)));
    const after = await headOf();
    const streams = await Promise.all(
      Array.from({ length: 1_000 }, (_, index) => {
        const { accessToken: token } = users[index % users.length]!;
        return openPlainStream(server.url, { token, after, query: 'types=ProductCreated' });
      }),
    );
    const events = 200;
    for (let index = 0; index < events; index += 1) {
      const { client } = users[index % users.length]!;
      await client.products.post({ name: 'Mug', price: 1, sku: crypto.randomUUID() });
    }
    await Promise.all(streams.map(({ received }) => received(events)));
    const [first] = streams;
    expect(first!.positions).toHaveLength(events);
    for (const { positions } of streams) expect(positions).toEqual(first!.positions);
    for (const { cut } of streams) cut();
  });
});

describe('a server that is killed under load', () => {
  test('is resumed by its followers where they were', async () => {
    const after = await headOf();
    const { port } = new URL(server.url);
    const { accessToken: token } = people.admin;
    const seen: number[] = [];
    let head = Number.POSITIVE_INFINITY;
    let isUp = Promise.resolve();
    const following = (async () => {
      let last = after;
      while (last < head) {
        await isUp;
        const stream = await openEventStream(server.url, { token, after: last }).catch(() => {});
        if (!stream) continue;
        const isThere = stream.until(() => Number(stream.frames.at(-1)?.id ?? 0) >= head);
        await Promise.race([isThere, stream.ended]);
        await stream.cut();
        seen.push(...stream.positions());
        last = seen.at(-1) ?? last;
      }
    })();
    for (let round = 0; round < 3; round += 1) {
      const record = emptyRecord();
      const enough = random.between(50, 300);
      let isKilled = false;
      const isEnough = () => {
        if (!isKilled && record.acknowledged.length >= enough) {
          isKilled = true;
          server.child.kill('SIGKILL');
        }
        return isKilled;
      };
      const load = createLoad(random, people.actors, 0);
      const up = Promise.withResolvers<void>();
      isUp = up.promise;
      await Promise.all([
        drive({ url: server.url, load, record, clients: 8, isEnough }),
        server.child.exited,
      ]);
      server = await spawnServer(directory, { PORT: port });
      up.resolve();
    }
    const last = await people.admin.client.products.post({
      name: 'Last',
      price: 1,
      sku: crypto.randomUUID(),
    });
    head = Number(last.response.headers.get('event-position'));
    await people.admin.client.products.post({ name: 'Wake', price: 1, sku: crypto.randomUUID() });
    await following;
    expect(seen.filter((position) => position <= head)).toEqual(range(after + 1, head));
  });
});
