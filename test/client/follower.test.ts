import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { type ConnectionState, createClient, Refused } from '../../src/client/index.ts';
import { collected } from './collected.ts';

// A socket that speaks the contract, and misbehaves as networks do.

const backOff = { firstMs: 2, maxMs: 10 };
const encoder = new TextEncoder();

type Wire = {
  readonly request: Request;
  readonly say: (text: string) => void;
  readonly end: () => void;
};
type State = readonly [ConnectionState, Error | undefined];

const frame = (position: number, type = 'ProductRenamed') => {
  const data = JSON.stringify({ type, position, data: { name: `name ${position}` } });
  return `id: ${position}\nevent: ${type}\ndata: ${data}\n\n`;
};

let server: Bun.Server<undefined>;
let wires = collected<Wire>();
let answers: (Response | undefined)[] = [];
let tokens: (string | null)[] = [];
let answer: ((request: Request) => Promise<Response>) | undefined;

beforeEach(() => {
  [wires, answers, tokens, answer] = [collected(), [], [], undefined];
  server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    idleTimeout: 0,
    fetch(request) {
      tokens.push(request.headers.get('authorization'));
      const prepared = answer?.(request) ?? answers.shift();
      if (prepared) return prepared;
      const body = new ReadableStream<Uint8Array>({
        start(controller) {
          wires.add({
            request,
            say: (text) => controller.enqueue(encoder.encode(text)),
            end: () => controller.close(),
          });
          controller.enqueue(encoder.encode(': connected\n\n'));
        },
      });
      return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
    },
  });
});
afterEach(() => server.stop(true));

const clientOf = (options: Parameters<typeof createClient>[1] = {}) =>
  createClient(server.url.href, { backOff, accessToken: () => 'a-token', ...options });

/** A follower, and what it was told. */
function follow(
  options: Parameters<ReturnType<typeof createClient>['events']['follow']>[0] = {},
  client = clientOf(),
) {
  const states = collected<State>();
  const positions = collected<number>();
  const onState = (state: ConnectionState, cause?: Error) => states.add([state, cause]);
  const follower = client.events.follow({ onState, ...options });
  follower.on('*', ({ position }) => positions.add(position));
  return { follower, states, positions };
}

const isIn = (wanted: ConnectionState) => (states: readonly State[]) =>
  states.some(([state]) => state === wanted);
const lastEventId = ({ request }: Wire) => request.headers.get('last-event-id');

async function wire(number: number): Promise<Wire> {
  return (await wires.first(number))[number - 1]!;
}

describe('a follower', () => {
  test('asks with its token for what it wants', async () => {
    const { follower } = follow({ after: 4, types: ['ProductRenamed'], stream: 'product-1' });
    const { request } = await wire(1);
    const { pathname, searchParams } = new URL(request.url);
    expect(pathname).toBe('/events/stream');
    expect(Object.fromEntries(searchParams)).toEqual({
      types: 'ProductRenamed',
      stream: 'product-1',
    });
    expect(request.headers.get('last-event-id')).toBe('4');
    expect(tokens).toEqual(['Bearer a-token']);
    follower.stop();
  });

  test('tells each event to those who listen to its type', async () => {
    const { follower, positions } = follow();
    const renamed = collected<string>();
    const off = follower.on('ProductRenamed', ({ data }) => renamed.add(data.name));
    const { say } = await wire(1);
    say(frame(1) + frame(2, 'ProductDeleted') + frame(3));
    await positions.first(3);
    expect(await renamed.first(2)).toEqual(['name 1', 'name 3']);
    off();
    say(frame(4) + frame(5));
    await positions.first(5);
    expect(renamed.items).toHaveLength(2);
    follower.stop();
  });

  test('resumes behind the last event, and drops what it has seen', async () => {
    const { follower, positions, states } = follow({ after: 0 });
    const first = await wire(1);
    first.say(frame(1) + frame(2));
    await positions.first(2);
    first.end();
    const second = await wire(2);
    expect([lastEventId(first), lastEventId(second)]).toEqual(['0', '2']);
    second.say(frame(2) + frame(1) + frame(3));
    await positions.first(3);
    second.say(frame(4));
    expect(await positions.first(4)).toEqual([1, 2, 3, 4]);
    follower.stop();
    const seen = states.items.map(([state]) => state);
    expect(seen).toEqual(['connecting', 'live', 'waiting', 'connecting', 'live', 'stopped']);
  });

  test('leaves out an event whose frame was cut, and gets it whole', async () => {
    const { follower, positions } = follow({ after: 0 });
    const first = await wire(1);
    first.say(frame(1) + frame(2).slice(0, 20));
    await positions.first(1);
    first.end();
    const second = await wire(2);
    expect(lastEventId(second)).toBe('1');
    second.say(frame(2));
    expect(await positions.first(2)).toEqual([1, 2]);
    follower.stop();
  });

  test('that begins live resumes from where the server says it stands', async () => {
    const { follower } = follow();
    const first = await wire(1);
    expect(lastEventId(first)).toBeNull();
    first.say('id: 41\n\n');
    first.end();
    expect(lastEventId(await wire(2))).toBe('41');
    follower.stop();
  });

  test('forgets its position when the server resets it', async () => {
    let resets = 0;
    const { follower, positions } = follow({ after: 900, onReset: () => (resets += 1) });
    const first = await wire(1);
    first.say(`id: 7\nevent: reset\ndata: {"head":7}\n\n${frame(8)}`);
    expect(await positions.first(1)).toEqual([8]);
    expect(resets).toBe(1);
    first.end();
    expect(lastEventId(await wire(2))).toBe('8');
    follower.stop();
  });

  test('notices a connection that has died without a word', async () => {
    const { follower, states } = follow({}, clientOf({ silenceMs: 30 }));
    const first = await wire(1);
    const aborted = new Promise((resolve) =>
      first.request.signal.addEventListener('abort', resolve),
    );
    const waiting = (await states.until(isIn('waiting'))).find(([state]) => state === 'waiting');
    expect(waiting?.[1]?.name).toBe('Silence');
    await aborted;
    await wire(2);
    follower.stop();
  });

  test('holds events back while a listener is busy, which is no silence', async () => {
    const { follower, states, positions } = follow({ after: 0 }, clientOf({ silenceMs: 200 }));
    const busy = Promise.withResolvers<void>();
    const order = collected<string>();
    follower.on('*', async ({ position }) => {
      order.add(`begin ${position}`);
      if (position === 1) await busy.promise;
      order.add(`end ${position}`);
    });
    const first = await wire(1);
    first.say(frame(1) + frame(2));
    await order.first(1);
    setTimeout(busy.resolve, 400);
    await order.first(4);
    expect(order.items).toEqual(['begin 1', 'end 1', 'begin 2', 'end 2']);
    expect(positions.items).toEqual([1, 2]);
    expect(isIn('waiting')(states.items)).toBe(false);
    follower.stop();
  });

  test('goes on when a listener throws, and says so', async () => {
    const errors: unknown[] = [];
    const onError = (error: unknown) => errors.push(error);
    const { follower } = follow({ after: 0 }, clientOf({ onError }));
    const seen = collected<number>();
    follower.on('*', ({ position }) => {
      if (position === 1) throw new Error('Not this one.');
    });
    follower.on('*', ({ position }) => seen.add(position));
    (await wire(1)).say(frame(1) + frame(2));
    expect(await seen.first(2)).toEqual([1, 2]);
    expect(errors).toEqual([new Error('Not this one.')]);
    follower.stop();
  });

  test('ends its request when it is stopped, and tells nobody anything any more', async () => {
    const { follower, positions, states } = follow();
    const first = await wire(1);
    await states.until(isIn('live'));
    const aborted = new Promise((resolve) =>
      first.request.signal.addEventListener('abort', resolve),
    );
    follower.stop();
    follower.stop();
    await aborted;
    expect(follower.state).toBe('stopped');
    expect(states.items.at(-1)).toEqual(['stopped', undefined]);
    expect(positions.items).toEqual([]);
    expect(wires.items).toHaveLength(1);
  });

  test('ends a request that was never answered', async () => {
    const asked = Promise.withResolvers<Request>();
    answer = (request) => {
      asked.resolve(request);
      return new Promise<Response>(() => {});
    };
    const { follower } = follow();
    const { signal } = await asked.promise;
    const aborted = new Promise((resolve) => signal.addEventListener('abort', resolve));
    follower.stop();
    await aborted;
  });

  test('stops while it waits for its next attempt', async () => {
    const { follower, states } = follow({}, clientOf({ backOff: { firstMs: 1e9, maxMs: 1e9 } }));
    (await wire(1)).end();
    await states.until(isIn('waiting'));
    follower.stop();
    expect(states.items.at(-1)?.[0]).toBe('stopped');
  });
});

describe('a follower that is refused', () => {
  test.each([429, 503])('with %p waits as long as it is told', async (status) => {
    answers = [new Response('', { status, headers: { 'retry-after': '1' } })];
    const start = performance.now();
    const { follower, states } = follow();
    await wire(1);
    expect(performance.now() - start).toBeGreaterThan(990);
    const waiting = states.items.find(([state]) => state === 'waiting');
    expect(waiting?.[1]).toMatchObject({ name: 'Refused', status });
    follower.stop();
  });

  test('for its token uses another one', async () => {
    const given = ['old', 'new'];
    answers = [new Response('', { status: 401 })];
    let token = 'old';
    const { follower } = follow(
      {},
      clientOf({ accessToken: () => (token = given.shift() ?? token) }),
    );
    await wire(1);
    expect(tokens).toEqual(['Bearer old', 'Bearer new']);
    follower.stop();
  });

  test.each([401, 403, 404, 422])('for good with %p stops', async (status) => {
    const problem = { success: false, code: 'NO', message: 'Not you.', requestId: '' };
    answers = [Response.json(problem, { status })];
    const { follower, states } = follow();
    const [, cause] = (await states.until(isIn('stopped'))).at(-1)!;
    expect(cause).toEqual(new Refused(status, 'NO', 'Not you.'));
    expect(follower.state).toBe('stopped');
    expect(tokens).toHaveLength(1);
  });

  test('because nobody listens tries again', async () => {
    const { port } = server;
    const client = clientOf();
    await server.stop(true);
    const { follower, states } = follow({}, client);
    await states.until((items) => items.filter(([state]) => state === 'waiting').length >= 2);
    server = Bun.serve({
      port: port!,
      hostname: '127.0.0.1',
      fetch: () => new Response('', { status: 403 }),
    });
    await states.until(isIn('stopped'));
    expect(follower.state).toBe('stopped');
  });
});

describe('what the server wants clients to wait', () => {
  test('is waited', async () => {
    const { follower } = follow();
    const first = await wire(1);
    const start = performance.now();
    first.say('retry: 150\n\n');
    first.end();
    await wire(2);
    expect(performance.now() - start).toBeGreaterThan(140);
    follower.stop();
  });
});

describe('a loop over a follower', () => {
  test('gets the events in order, and stops the follower when it is left', async () => {
    const { follower } = follow({ after: 0 });
    void wire(1).then(({ say }) => say(frame(1) + frame(2) + frame(3)));
    const seen: number[] = [];
    for await (const { position } of follower) {
      seen.push(position);
      if (position === 2) break;
    }
    expect(seen).toEqual([1, 2]);
    expect(follower.state).toBe('stopped');
    expect(follower.position).toBe(2);
  });

  test('ends when the follower is stopped', async () => {
    const { follower } = follow({ after: 0 });
    void wire(1).then(({ say }) => say(frame(1)));
    const seen: number[] = [];
    for await (const { position } of follower) {
      seen.push(position);
      follower.stop();
    }
    expect(seen).toEqual([1]);
  });

  test('throws when the follower is refused for good', async () => {
    answers = [new Response('', { status: 403 })];
    const next = follow().follower[Symbol.asyncIterator]().next();
    expect(await next.catch((error: unknown) => error)).toMatchObject({ status: 403 });
  });
});

describe('listeners to what happens from now on', () => {
  test('share one connection, which ends with the last of them', async () => {
    const client = clientOf();
    const [a, b] = [collected<number>(), collected<string>()];
    const offs = [
      client.events.on('*', ({ position }) => a.add(position)),
      client.events.on('ProductRenamed', ({ data }) => b.add(data.name)),
    ];
    const first = await wire(1);
    first.say(frame(5));
    expect([await a.first(1), await b.first(1)]).toEqual([[5], ['name 5']]);
    const aborted = new Promise((resolve) =>
      first.request.signal.addEventListener('abort', resolve),
    );
    offs[0]?.();
    offs[0]?.();
    first.say(frame(6));
    expect(await b.first(2)).toEqual(['name 5', 'name 6']);
    expect(a.items).toEqual([5]);
    first.say(frame(7));
    await b.first(3);
    offs[1]?.();
    await aborted;
    expect(wires.items).toHaveLength(1);
    client.events.on('*', ({ position }) => a.add(position));
    (await wire(2)).say(frame(8));
    expect(await a.first(2)).toEqual([5, 8]);
    await client.signOut();
  });

  test('are told when they are refused for good', async () => {
    answers = [new Response('', { status: 403 })];
    const errors = collected<unknown>();
    clientOf({ onError: errors.add }).events.on('*', () => {});
    expect(await errors.first(1)).toMatchObject([{ status: 403 }]);
  });
});

describe('signing out', () => {
  test('stops every follower', async () => {
    const client = clientOf();
    const { follower } = follow({}, client);
    await wire(1);
    answers = [new Response(null, { status: 204 })];
    await client.signOut();
    expect(follower.state).toBe('stopped');
  });
});

describe('a follower of notifications', () => {
  test('is one like any other', async () => {
    const follower = clientOf().notifications.follow({ after: 3 });
    const { request } = await wire(1);
    expect(new URL(request.url).pathname).toBe('/notifications/stream');
    expect(request.headers.get('last-event-id')).toBe('3');
    follower.stop();
  });
});
