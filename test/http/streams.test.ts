import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { promote, signUp, startServer, type TestServer } from '../../src/testing/server.ts';
import { openEventStream, type StreamOptions } from '../../src/testing/streams.ts';
import { expectProblem, newRoom, newSku, positionOf, send } from './requests.ts';

setDefaultTimeout(30_000);

let server: TestServer;
let ada: Awaited<ReturnType<typeof signUp>>;
let bob: Awaited<ReturnType<typeof signUp>>;
let admin: Awaited<ReturnType<typeof promote>>;

beforeAll(async () => {
  server = await startServer();
  ada = await signUp(server.url);
  bob = await signUp(server.url, { name: 'Bob' });
  const root = await signUp(server.url);
  admin = await promote(server, root.user.id, root.email);
});
afterAll(() => server.stop());

const create = (sku = newSku()) => ada.client.products.post({ name: 'Mug', price: 1, sku });
const follow = (options: StreamOptions = {}) =>
  openEventStream(server.url, { token: ada.accessToken, ...options });

async function ticketOf(token: string): Promise<string> {
  const response = await send(server.url, 'POST /auth/ticket', { token });
  return ((await response.json()) as { ticket: string }).ticket;
}

describe('a stream of events', () => {
  test('carries what happens from now on, in frames of the promised shape', async () => {
    const stream = await follow();
    expect(stream.response.status).toBe(200);
    expect(stream.response.headers.get('content-type')).toStartWith('text/event-stream');
    const { data, response } = await create();
    await stream.received(1);
    const [frame] = stream.frames;
    expect(frame).toMatchObject({ id: String(positionOf(response)), event: 'ProductCreated' });
    expect(JSON.parse(frame!.data!)).toEqual({
      id: expect.any(String),
      type: 'ProductCreated',
      stream: `product-${data!.id}`,
      version: 1,
      position: positionOf(response),
      time: data!.createdAt,
      data: { name: 'Mug', sku: data!.sku, priceCents: 100, createdBy: ada.user.id },
      meta: {
        actorId: ada.user.id,
        correlationId: response.headers.get('x-request-id'),
        causationId: response.headers.get('x-request-id'),
      },
    });
    await stream.cut();
  });

  test('says at once that it is there, and when to come back', async () => {
    const streams = await Promise.all(Array.from({ length: 8 }, () => follow()));
    await Promise.all(streams.map(({ comments, until }) => until(() => comments.length > 0)));
    const texts = await Promise.all(
      Array.from({ length: 8 }, async () => {
        const abort = new AbortController();
        const headers = { authorization: `Bearer ${ada.accessToken}` };
        const response = await fetch(`${server.url}/events/stream`, {
          headers,
          signal: abort.signal,
        });
        const { value } = await response.body!.getReader().read();
        abort.abort();
        return new TextDecoder().decode(value);
      }),
    );
    for (const text of texts) expect(text).toMatch(/^id: \d+$/m);
    const pauses = texts.map((text) => Number(/^retry: (\d+)$/m.exec(text)?.[1]));
    for (const pause of pauses) expect(pause).toBeWithin(1_000, 4_001);
    expect(new Set(pauses).size).toBeGreaterThan(1);
    await Promise.all(streams.map(({ cut }) => cut()));
  });

  test('is kept open by a comment at least every eight seconds', async () => {
    const stream = await follow();
    const start = performance.now();
    await stream.until(() => stream.comments.length >= 2);
    expect(performance.now() - start).toBeLessThan(8_000);
    await stream.cut();
  });

  test.each(['last-event-id', 'after'])('resumes behind a position given as %s', async (way) => {
    const { response } = await create();
    await create();
    const last = positionOf(response);
    const stream = await follow(
      way === 'after' ? { query: `after=${last - 1}` } : { after: last - 1 },
    );
    await create();
    await stream.received(3);
    expect(stream.positions()).toEqual([last, last + 1, last + 2]);
    await stream.cut();
  });

  test('prefers the header to the address, as a browser that reconnects needs it', async () => {
    const last = positionOf((await create()).response);
    const stream = await follow({ after: last - 1, query: 'after=0' });
    await stream.received(1);
    expect(stream.positions()).toEqual([last]);
    await stream.cut();
  });

  test.each([['999999999'], ['99999999999999999999']])(
    'begins anew with a reset when the position %s is none of this log',
    async (beyond) => {
      const stream = await follow({ headers: { 'last-event-id': beyond } });
      await stream.received(1);
      const head = Number(stream.frames[0]!.id);
      expect(stream.frames[0]).toEqual({
        id: String(head),
        event: 'reset',
        data: `{"head":${head}}`,
      });
      const { response } = await create();
      await stream.received(2);
      expect(stream.positions()).toEqual([head, positionOf(response)]);
      await stream.cut();
    },
  );

  test('can be limited to types and to one stream', async () => {
    const { data, response } = await create();
    const after = positionOf(response) - 1;
    await ada.client.products({ id: data!.id }).patch({ price: 2, name: 'Cup' });
    await create();
    const types = await follow({ after, query: 'types=ProductRepriced,ProductRenamed' });
    const one = await follow({ after, query: `stream=product-${data!.id}` });
    await Promise.all([types.received(2), one.received(3)]);
    expect(types.events().map(({ type }) => type)).toEqual(['ProductRenamed', 'ProductRepriced']);
    expect(one.positions()).toEqual([after + 1, after + 2, after + 3]);
    await Promise.all([types.cut(), one.cut()]);
  });

  test.each([
    ['after=x', {}],
    ['after=-1', {}],
    ['types=', {}],
    ['types=A;B', {}],
    ['', { 'last-event-id': '1e3' }],
  ])('is refused with ?%s %p', async (query, headers) => {
    const { response } = await follow({ query, headers });
    expect(response.status).toBe(422);
  });

  test('is refused to strangers, before it opens', async () => {
    for (const path of ['/events/stream', '/notifications/stream'] as const) {
      await expectProblem(await send(server.url, `GET ${path}`), 401, 'UNAUTHORIZED');
      const wrong = await send(server.url, `GET ${path}?token=nonsense`);
      await expectProblem(wrong, 401, 'UNAUTHORIZED');
    }
  });

  test('is one of at most thirty-two that a user has', async () => {
    const { accessToken: token } = await signUp(server.url);
    const streams = await Promise.all(Array.from({ length: 32 }, () => follow({ token })));
    expect(streams.every(({ response }) => response.ok)).toBe(true);
    const refused = await send(server.url, 'GET /events/stream', { token });
    expect(refused.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
    await expectProblem(refused, 429, 'RATE_LIMITED');
    expect((await follow()).response.status).toBe(200);
    await streams[0]!.cut();
    let again = await follow({ token });
    while (again.response.status === 429) again = await follow({ token });
    expect(again.response.status).toBe(200);
    await Promise.all([again, ...streams].map(({ cut }) => cut()));
  });
});

describe('what a stream shows', () => {
  test('are products and messages to everybody', async () => {
    const after = positionOf((await create()).response) - 1;
    const room = newRoom();
    const posted = await bob.client.chat({ room }).messages.post({ text: 'Hi' });
    await bob.client.chat({ room }).messages({ id: posted.data!.id }).delete();
    const stream = await follow({ after });
    await stream.received(3);
    expect(stream.events().map(({ type, data }) => [type, data['text']])).toEqual([
      ['ProductCreated', undefined],
      ['MessagePosted', '[withdrawn]'],
      ['MessageWithdrawn', undefined],
    ]);
    await stream.cut();
  });

  test('is of users only what concerns the reader, and no address but their own', async () => {
    const after = positionOf((await create()).response);
    const eve = await signUp(server.url, { name: 'Eve' });
    await eve.client.profile.patch({ name: 'Evelyn' });
    const [own, others, watching] = await Promise.all(
      [eve, bob, admin].map(({ accessToken: token }) => follow({ token, after })),
    );
    await create();
    await Promise.all([own!.received(3), others!.received(1), watching!.received(3)]);
    expect(own!.events()[0]!.data).toEqual({ email: eve.email, name: 'Eve', role: 'user' });
    expect(others!.events().map(({ type }) => type)).toEqual(['ProductCreated']);
    expect(watching!.events()[0]!.data).toEqual({ name: 'Eve', role: 'user' });
    expect(JSON.stringify(watching!.frames)).not.toContain(eve.email);
    await Promise.all([own!.cut(), others!.cut(), watching!.cut()]);
  });
});

describe('a stream ends within five seconds', () => {
  async function opened(token: string) {
    const stream = await follow({ token });
    await stream.until(() => stream.comments.length > 0);
    return stream;
  }

  test('when its session is signed out', async () => {
    const { accessToken: token } = await signUp(server.url);
    const stream = await opened(token);
    await send(server.url, 'POST /auth/logout', { token });
    const start = performance.now();
    expect(await stream.ended).toBe('ended');
    expect(performance.now() - start).toBeLessThan(5_000);
  });

  test('when its reader is demoted, and not when somebody else is', async () => {
    const first = await signUp(server.url);
    const second = await signUp(server.url);
    const moderators = await Promise.all(
      [first, second].map(({ user, email }) => promote(server, user.id, email, 'moderator')),
    );
    const [demoted, other] = await Promise.all(
      moderators.map(({ accessToken }) => opened(accessToken)),
    );
    const { status } = await admin.client.admin
      .users({ id: first.user.id })
      .role.patch({ role: 'user' });
    expect(status).toBe(200);
    expect(await demoted!.ended).toBe('ended');
    await create();
    await other!.received(1);
    await other!.cut();
  });
});

describe('a ticket', () => {
  test('opens one stream, in thirty seconds, as whoever asked for it', async () => {
    const response = await send(server.url, 'POST /auth/ticket', { token: ada.accessToken });
    const { ticket, expiresAt } = (await response.json()) as { ticket: string; expiresAt: string };
    expect(Date.parse(expiresAt) - Date.now()).toBeWithin(25_000, 30_001);
    const stream = await openEventStream(server.url, { query: `token=${ticket}` });
    expect(stream.response.status).toBe(200);
    await create();
    await stream.received(1);
    const again = await openEventStream(server.url, { query: `token=${ticket}` });
    expect(again.response.status).toBe(401);
    await stream.cut();
  });

  test('is nothing once its session has ended', async () => {
    const { accessToken: token } = await signUp(server.url);
    const ticket = await ticketOf(token);
    await send(server.url, 'POST /auth/logout', { token });
    const stream = await openEventStream(server.url, { query: `token=${ticket}` });
    expect(stream.response.status).toBe(401);
  });

  test('opens no other route', async () => {
    const ticket = await ticketOf(ada.accessToken);
    const asBearer = await send(server.url, 'GET /profile', { token: ticket });
    await expectProblem(asBearer, 401, 'UNAUTHORIZED');
    const inAddress = await send(server.url, `GET /profile?token=${ticket}`);
    await expectProblem(inAddress, 401, 'UNAUTHORIZED');
  });

  test('need not be: an access token opens a stream too', async () => {
    const stream = await openEventStream(server.url, { query: `token=${ada.accessToken}` });
    expect(stream.response.status).toBe(200);
    await stream.cut();
  });
});

describe('a page of events', () => {
  const page = async (query: string, token = ada.accessToken) =>
    (await (await send(server.url, `GET /events?${query}`, { token })).json()) as {
      data: { position: number; type: string }[];
      nextAfter: number | null;
    };

  test('is followed by the next until the end of the log', async () => {
    const first = positionOf((await create()).response);
    for (let index = 0; index < 6; index += 1) await create();
    const positions: number[] = [];
    let after: number | null = first - 1;
    while (after !== null) {
      const { data, nextAfter } = await page(`after=${after}&limit=3`);
      expect(data.length).toBeLessThanOrEqual(3);
      positions.push(...data.map(({ position }) => position));
      after = nextAfter;
    }
    expect(positions).toEqual(Array.from({ length: 7 }, (_, index) => first + index));
  });

  test('shows what a stream shows', async () => {
    const stream = await follow({ after: 0 });
    const { data } = await page('limit=100');
    await stream.received(data.length);
    expect(stream.events().slice(0, data.length) as unknown[]).toEqual(data);
    await stream.cut();
  });

  test('has no text of messages withdrawn since, nor has a stream that resumes; for admins it is history', async () => {
    const messages = ada.client.chat({ room: newRoom() }).messages;
    const watching = await follow();
    const { data: secret } = await messages.post({ text: 'the secret' });
    await watching.received(1);
    expect(watching.events()[0]!.data).toMatchObject({ text: 'the secret' });
    await messages({ id: secret!.id }).delete();
    const after = secret!.position - 1;
    const resumed = await follow({ after });
    await resumed.received(2);
    const { data: seen } = await page(`after=${after}`);
    expect(resumed.events() as unknown[]).toEqual(seen);
    expect(seen).toMatchObject([
      { type: 'MessagePosted', data: { authorId: ada.user.id, text: '[withdrawn]' } },
      { type: 'MessageWithdrawn' },
    ]);
    const { data: history } = await page(`after=${after}`, admin.accessToken);
    expect(history[0]).toMatchObject({ data: { text: 'the secret' } });
    await Promise.all([watching.cut(), resumed.cut()]);
  });

  test('has no such text either when nobody has followed the log meanwhile', async () => {
    const messages = ada.client.chat({ room: newRoom() }).messages;
    const { data: secret } = await messages.post({ text: 'the secret' });
    await messages({ id: secret!.id }).delete();
    const { data: seen } = await page(`after=${secret!.position - 1}`);
    expect(seen).toMatchObject([{ data: { text: '[withdrawn]' } }, { type: 'MessageWithdrawn' }]);
  });

  test('can be filtered like a stream', async () => {
    const { data: product, response } = await create();
    const after = positionOf(response) - 1;
    await ada.client.products({ id: product!.id }).patch({ price: 3 });
    const types = await page(`after=${after}&types=ProductRepriced`);
    expect(types.data.map(({ position }) => position)).toEqual([after + 2]);
    const one = await page(`after=0&stream=product-${product!.id}`);
    expect(one.data.map(({ type }) => type)).toEqual(['ProductCreated', 'ProductRepriced']);
  });

  test.each(['limit=0', 'limit=101', 'limit=x', 'after=x', 'types=1'])(
    'is refused with ?%s',
    async (query) => {
      const response = await send(server.url, `GET /events?${query}`, { token: ada.accessToken });
      await expectProblem(response, 422, 'VALIDATION_ERROR');
    },
  );
});
