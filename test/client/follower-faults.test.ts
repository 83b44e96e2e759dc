import { afterEach, beforeEach, describe, expect, spyOn, test } from 'bun:test';
import { type ConnectionState, createClient } from '../../src/client/index.ts';
import { collected } from './collected.ts';

// Listeners that throw, loops that are busy, and a server that says what cannot be understood.

const backOff = { firstMs: 2, maxMs: 10 };
const encoder = new TextEncoder();

type Wire = { readonly after: string | null; readonly say: (text: string) => void };

let server: Bun.Server<undefined>;
let wires = collected<Wire>();
/** What the next streams say before they end; one for which there is nothing stays open. */
let bodies: string[] = [];

beforeEach(() => {
  [wires, bodies] = [collected(), []];
  server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    idleTimeout: 0,
    fetch(request) {
      if (request.method === 'POST') return new Response(null, { status: 204 });
      const text = bodies.shift();
      const start = (controller: ReadableStreamDefaultController<Uint8Array>) => {
        const say = (said: string) => controller.enqueue(encoder.encode(said));
        say(text ?? ': connected\n\n');
        if (text !== undefined) controller.close();
        wires.add({ after: request.headers.get('last-event-id'), say });
      };
      const headers = { 'content-type': 'text/event-stream' };
      return new Response(new ReadableStream({ start }), { headers });
    },
  });
});
afterEach(() => server.stop(true));

const clientOf = (options: Parameters<typeof createClient>[1] = {}) =>
  createClient(server.url.href, { backOff, accessToken: () => 'a-token', ...options });

async function wire(number: number): Promise<Wire> {
  return (await wires.first(number))[number - 1]!;
}

const frame = (position: number) => {
  const data = JSON.stringify({ type: 'ProductRenamed', position, data: { name: 'a' } });
  return `id: ${position}\nevent: ProductRenamed\ndata: ${data}\n\n`;
};

describe('a loop whose body is busy', () => {
  test.each(['stop', 'signOut'] as const)('ends after %s', async (how) => {
    const client = clientOf();
    const follower = client.events.follow({ after: 0 });
    const [begun, busy] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const seen: number[] = [];
    const loop = (async () => {
      for await (const { position } of follower) {
        seen.push(position);
        begun.resolve();
        await busy.promise;
      }
    })();
    (await wire(1)).say(frame(1) + frame(2));
    await begun.promise;
    if (how === 'stop') follower.stop();
    else await client.signOut();
    busy.resolve();
    await loop;
    expect(seen).toEqual([1]);
    expect(follower.position).toBe(1);
  });
});

describe('the position of a follower', () => {
  test('moves when everybody who listens is done', async () => {
    const follower = clientOf().events.follow({ after: 0 });
    const [begun, busy] = [collected<number>(), Promise.withResolvers<void>()];
    follower.on('*', async ({ position }) => {
      begun.add(position);
      if (position === 1) await busy.promise;
    });
    (await wire(1)).say(frame(1) + frame(2));
    await begun.first(1);
    expect(follower.position).toBe(0);
    busy.resolve();
    await begun.first(2);
    expect(follower.position).toBe(1);
    follower.stop();
  });

  test('is not that of an event which a loop was offered and never took', async () => {
    const follower = clientOf().events.follow({ after: 0 });
    const offered = Promise.withResolvers<void>();
    follower.on('*', () => offered.resolve());
    const events = follower[Symbol.asyncIterator]();
    (await wire(1)).say(frame(1));
    await offered.promise;
    follower.stop();
    expect(await events.next()).toEqual({ done: true, value: undefined });
    expect(follower.position).toBe(0);
  });
});

describe('what a listener to the state throws', () => {
  test.each(['connecting', 'live', 'waiting', 'stopped'] as const)(
    'when it is %s is told, and breaks nothing',
    async (wanted) => {
      const errors = collected<unknown>();
      const onState = (state: ConnectionState) => {
        if (state === wanted) throw new Error(state);
      };
      const client = clientOf({ onError: errors.add });
      bodies = [frame(1)];
      const follower = client.events.follow({ after: 0, onState });
      const { after } = await wire(2);
      expect(after).toBe('1');
      follower.stop();
      expect((await errors.first(1))[0]).toEqual(new Error(wanted));
      expect(follower.state).toBe('stopped');
    },
  );

  test('by a promise is told too', async () => {
    const errors = collected<unknown>();
    const onState = (state: ConnectionState) => Promise.reject(state) as unknown as undefined;
    const follower = clientOf({ onError: errors.add }).events.follow({ onState });
    expect(await errors.first(2)).toEqual(['connecting', 'live']);
    follower.stop();
  });

  test('on a reset is told, and the follower goes on', async () => {
    const errors = collected<unknown>();
    const positions = collected<number>();
    const onReset = () => {
      throw new Error('Not now.');
    };
    const follower = clientOf({ onError: errors.add }).events.follow({ after: 900, onReset });
    follower.on('*', ({ position }) => positions.add(position));
    (await wire(1)).say(`id: 7\nevent: reset\ndata: {"head":7}\n\n${frame(8)}`);
    expect(await positions.first(1)).toEqual([8]);
    expect(errors.items).toEqual([new Error('Not now.')]);
    follower.stop();
  });

  test('is reported as uncaught where those who are told throw themselves', async () => {
    const reported = collected<unknown>();
    using _ = spyOn(globalThis, 'reportError').mockImplementation(reported.add);
    const onError = () => {
      throw new Error('Not this either.');
    };
    bodies = [frame(1)];
    const follower = clientOf({ onError }).events.follow({ after: 0 });
    follower.on('*', () => {
      throw new Error('Not this one.');
    });
    expect((await wire(2)).after).toBe('1');
    expect(reported.items).toEqual([new Error('Not this either.')]);
    follower.stop();
  });
});

describe('an event that cannot be understood', () => {
  test.each([
    'id: 2\nevent: ProductRenamed\ndata: {broken\n\n',
    'id: 2\nevent: ProductRenamed\ndata: null\n\n',
    'id: 2\nevent: ProductRenamed\ndata: [1]\n\n',
    'id: 2\nevent: ProductRenamed\ndata: {"position":2}\n\n',
    'id: abc\nevent: ProductRenamed\ndata: {"type":"ProductRenamed"}\n\n',
    'id: abc\nevent: reset\ndata: {}\n\n',
    `data: ${'x'.repeat(5_000_000)}`,
  ])('is told, and asked for again before anything behind it: %.40p', async (garbage) => {
    const errors = collected<unknown>();
    const states = collected<readonly [ConnectionState, Error | undefined]>();
    const positions = collected<number>();
    const onState = (state: ConnectionState, cause?: Error) => states.add([state, cause]);
    bodies = [frame(1) + garbage + frame(3), garbage + frame(3)];
    const follower = clientOf({ onError: errors.add }).events.follow({ after: 0, onState });
    follower.on('*', ({ position }) => positions.add(position));
    const { after, say } = await wire(3);
    expect(after).toBe('1');
    say(frame(2) + frame(3));
    expect(await positions.first(3)).toEqual([1, 2, 3]);
    expect(errors.items).toMatchObject([{ name: 'Garbled' }, { name: 'Garbled' }]);
    expect(states.items.find(([state]) => state === 'waiting')?.[1]).toBe(errors.items[0] as Error);
    follower.stop();
  });
});
