import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import {
  type ChatMessage,
  type ConnectionState,
  createClient,
  type JoinOptions,
  type Member,
} from '../../src/client/index.ts';
import { signUp, testPassword } from '../../src/testing/server.ts';
import { collected } from './collected.ts';
import { startRestartable } from './restartable.ts';

const backOff = { firstMs: 20, maxMs: 200 };

let server: Awaited<ReturnType<typeof startRestartable>>;
beforeAll(async () => {
  server = await startRestartable();
});
afterAll(() => server.stop());

type Client = Awaited<ReturnType<typeof somebody>>['client'];

/** Somebody new, with a client that renews its token by itself. */
async function somebody(name = 'Ada Lovelace') {
  const { email, user } = await signUp(server.url, { name });
  const client = createClient(server.url, { backOff });
  await client.signIn({ email, password: testPassword });
  return { client, email, user };
}

let products = 0;
async function createProduct({ products: route }: Client) {
  products += 1;
  const { data } = await route.post({
    name: `Mug ${products}`,
    price: 9.5,
    sku: `MUG-${products}`,
  });
  return data!;
}

type States = ReturnType<typeof collected<readonly [ConnectionState, Error | undefined]>>;
const noted = () => {
  const states: States = collected();
  return {
    states,
    onState: (state: ConnectionState, cause?: Error) => states.add([state, cause]),
    until: (wanted: ConnectionState) =>
      states.until((items) => items.some(([state]) => state === wanted)),
  };
};

function join({ chat }: Client, room: string, options: JoinOptions = {}) {
  const messages = collected<ChatMessage>();
  const present = collected<readonly Member[]>();
  const { onState, states, until } = noted();
  const joined = chat.join(room, {
    onMessage: messages.add,
    onPresence: present.add,
    onState,
    ...options,
  });
  return { joined, messages, present, states, until };
}

const textsOf = (messages: readonly ChatMessage[]) => messages.map(({ data }) => data.text);

describe('following events', () => {
  test('tells of what happens, as the registry types it', async () => {
    const { client, user } = await somebody();
    const prices = collected<number>();
    const { onState, until } = noted();
    const follower = client.events.follow({ onState, types: ['ProductCreated'] });
    follower.on('ProductCreated', ({ data, meta }) => {
      if (meta.actorId === user.id) prices.add(data.priceCents);
    });
    await until('live');
    await createProduct(client);
    expect(await prices.first(1)).toEqual([950]);
    await client.signOut();
  });

  test('begins in the past, and goes on live, in a loop', async () => {
    const { client } = await somebody();
    const first = await createProduct(client);
    const names: string[] = [];
    for await (const { data } of client.events.follow({ after: 0, types: ['ProductCreated'] })) {
      names.push(data.name);
      if (data.name === first.name) await createProduct(client);
      if (data.name === `Mug ${products}`) break;
    }
    expect(names).toEqual(Array.from({ length: products }, (_, index) => `Mug ${index + 1}`));
  });

  test('goes on over a restart of the server, with a new token, and loses nothing', async () => {
    const { client } = await somebody();
    const other = await somebody('Grace Hopper');
    const { onState, states } = noted();
    const follower = client.events.follow({ after: 0, types: ['ProductCreated'], onState });
    const names = collected<string>();
    follower.on('ProductCreated', ({ data }) => names.add(data.name));
    await createProduct(other.client);
    await names.first(products);
    for (let round = 0; round < 3; round += 1) {
      await server.stopServer();
      await states.until((items) => items.at(-1)?.[0] === 'waiting');
      await server.startAgain();
      await createProduct(other.client);
    }
    const all = await names.first(products);
    expect(all).toEqual(Array.from({ length: products }, (_, index) => `Mug ${index + 1}`));
    expect(names.items).toHaveLength(products);
    follower.stop();
  });

  test('starts anew when its position is none of this log', async () => {
    const { client } = await somebody();
    const resets = collected<true>();
    const follower = client.events.follow({ after: 1_000_000, onReset: () => resets.add(true) });
    const names = collected<string>();
    follower.on('ProductCreated', ({ data }) => names.add(data.name));
    await resets.first(1);
    const { name } = await createProduct(client);
    expect(await names.first(1)).toEqual([name]);
    follower.stop();
  });

  test('shares one connection among listeners', async () => {
    const { client } = await somebody();
    const [a, b] = [collected<string>(), collected<string>()];
    const offs = [
      client.events.on('ProductCreated', ({ data }) => a.add(data.name)),
      client.events.on('*', ({ type }) => b.add(type)),
    ];
    // Nothing says when they are live, so there is something to hear until they have heard it.
    while (a.items.length === 0 || b.items.length === 0) await createProduct(client);
    expect(a.items[0]).toStartWith('Mug');
    expect(b.items).toContain('ProductCreated');
    for (const off of offs) off();
  });

  test('stops when the session has ended', async () => {
    const { client, email } = await somebody();
    const { onState, states, until } = noted();
    client.events.follow({ onState });
    await until('live');
    const elsewhere = createClient(server.url);
    await elsewhere.signIn({ email, password: testPassword });
    const passwords = { currentPassword: testPassword, newPassword: 'another long enough one' };
    await elsewhere.profile.password.post(passwords);
    await until('stopped');
    expect(states.items.at(-1)?.[1]).toMatchObject({ status: 401, code: 'UNAUTHORIZED' });
  }, 10_000);

  test('says why it is refused', async () => {
    const { onState, states, until } = noted();
    createClient(server.url).events.follow({ onState });
    await until('stopped');
    expect(states.items.at(-1)?.[1]).toMatchObject({ status: 401, code: 'UNAUTHORIZED' });
  });
});

describe('following notifications', () => {
  test('is live', async () => {
    const { client } = await somebody();
    const { onState, until } = noted();
    const follower = client.notifications.follow({ onState });
    await until('live');
    follower.stop();
  });
});

describe('a chat room', () => {
  test('shows every member the same messages in the same order', async () => {
    const [ada, grace] = [await somebody('Ada'), await somebody('Grace')];
    const [a, b] = [join(ada.client, 'hall'), join(grace.client, 'hall')];
    await a.present.until((items) => items.some(({ length }) => length === 2));
    const posted = await Promise.all([
      a.joined.post('one'),
      b.joined.post('two'),
      a.joined.post('three'),
    ]);
    const [seenByA, seenByB] = [await a.messages.first(3), await b.messages.first(3)];
    expect(seenByA).toEqual(seenByB);
    const bySender = posted.map(({ id }) => seenByA.find((message) => message.id === id));
    expect(bySender.map((message) => message?.data.text)).toEqual(['one', 'two', 'three']);
    expect(bySender.map((message) => message?.name)).toEqual(['Ada', 'Grace', 'Ada']);
    a.joined.leave();
    b.joined.leave();
  });

  test('shows what was posted while nobody could listen', async () => {
    const [ada, grace] = [await somebody('Ada'), await somebody('Grace')];
    const a = join(ada.client, 'attic');
    await a.joined.post('one');
    for (const [index, text] of ['two', 'three'].entries()) {
      await server.stopServer();
      await a.states.until((items) => items.at(-1)?.[0] === 'waiting');
      await server.startAgain();
      const answer = await grace.client.chat({ room: 'attic' }).messages.post({ text });
      expect(answer.status).toBe(201);
      // Once she has a new token: a stop that loses the answer to her refresh would end her session.
      await a.messages.first(index + 2);
    }
    await a.joined.post('four');
    expect(textsOf(await a.messages.first(4))).toEqual(['one', 'two', 'three', 'four']);
    expect(a.messages.items).toHaveLength(4);
    a.joined.leave();
  });

  test('tells what is withdrawn', async () => {
    const { client } = await somebody();
    const withdrawn = collected<string>();
    const { joined } = join(client, 'cellar', { onWithdrawn: ({ id }) => withdrawn.add(id) });
    const { id } = await joined.post('one');
    await client.chat({ room: 'cellar' }).messages({ id }).delete();
    expect(await withdrawn.first(1)).toEqual([id]);
    joined.leave();
  });

  test('refuses what is not a message', async () => {
    const { client } = await somebody();
    const { joined } = join(client, 'cellar');
    const failed = await joined.post('').catch((error: unknown) => error);
    expect(failed).toMatchObject({ name: 'PostFailed', code: 'VALIDATION_ERROR' });
    joined.leave();
  });

  test('is left when the session has ended', async () => {
    const { client, email } = await somebody();
    const { joined, until } = join(client, 'cellar');
    await until('live');
    const elsewhere = createClient(server.url);
    await elsewhere.signIn({ email, password: testPassword });
    const passwords = { currentPassword: testPassword, newPassword: 'another long enough one' };
    await elsewhere.profile.password.post(passwords);
    await until('stopped');
    expect(joined.state).toBe('stopped');
  }, 10_000);
});
