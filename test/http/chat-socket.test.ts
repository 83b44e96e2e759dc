import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { signUp, startServer, type TestServer } from '../../src/testing/server.ts';
import { openChat } from '../../src/testing/streams.ts';
import { expectProblem, newRoom, positionOf, send } from './requests.ts';

setDefaultTimeout(30_000);

const friend = 'https://friend.example';
let server: TestServer;
let ada: Awaited<ReturnType<typeof signUp>>;
let bob: Awaited<ReturnType<typeof signUp>>;

beforeAll(async () => {
  server = await startServer({ corsOrigins: [friend] });
  ada = await signUp(server.url);
  bob = await signUp(server.url, { name: 'Bob' });
});
afterAll(() => server.stop());

type Who = { readonly accessToken: string };
const join = (room: string, { accessToken: token }: Who, options = {}) =>
  openChat(server.url, { room, token, ...options });

const namesIn = (member: ReturnType<typeof join>) =>
  (member.of('presence').at(-1)?.users ?? []).map(({ name }) => name);

describe('a message', () => {
  test('reaches everybody in the room, its author too, once it is stored', async () => {
    const room = newRoom();
    const [author, reader, elsewhere] = [join(room, ada), join(room, bob), join(newRoom(), bob)];
    await Promise.all([author.opened, reader.opened, elsewhere.opened]);
    author.post('Good morning!', 'first');
    await Promise.all([author.received('message', 1), reader.received('message', 1)]);
    await author.received('ack', 1);
    const [ack] = author.of('ack');
    const { data } = await ada.client.chat({ room }).messages.get({ query: {} });
    const [stored] = data!.data;
    expect(ack).toEqual({ type: 'ack', ref: 'first', id: stored!.id, position: stored!.position });
    expect(reader.of('message')).toEqual([
      {
        type: 'message',
        id: stored!.id,
        from: ada.user.id,
        name: 'Ada Lovelace',
        data: { text: 'Good morning!' },
        at: Date.parse(stored!.createdAt),
        position: stored!.position,
      },
    ]);
    expect(author.of('message')).toEqual(reader.of('message'));
    expect(reader.of('ack')).toEqual([]);
    expect(elsewhere.of('message')).toEqual([]);
    await Promise.all([author, reader, elsewhere].map(({ leave }) => leave()));
  });

  test('posted over REST reaches the room as well, and so does its withdrawal', async () => {
    const room = newRoom();
    const reader = join(room, bob);
    await reader.opened;
    const { data } = await ada.client.chat({ room }).messages.post({ text: 'Hi' });
    await ada.client.chat({ room }).messages({ id: data!.id }).delete();
    await reader.received('withdrawn', 1);
    expect(reader.of('message').map(({ id }) => id)).toEqual([data!.id]);
    const withdrawn = { type: 'withdrawn', id: data!.id, position: data!.position + 1 };
    expect(reader.of('withdrawn')).toEqual([withdrawn]);
    await reader.leave();
  });

  test('that has been withdrawn is caught up without its text, whoever was there meanwhile', async () => {
    const room = newRoom();
    const messages = ada.client.chat({ room }).messages;
    const before = await messages.post({ text: 'before' });
    const reader = join(room, bob);
    await reader.opened;
    const secret = await messages.post({ text: 'the secret' });
    await reader.received('message', 1);
    await messages({ id: secret.data!.id }).delete();
    const late = join(room, bob, { after: before.data!.position - 1 });
    await late.received('withdrawn', 1);
    expect(late.of('message').map(({ data }) => data?.text)).toEqual(['before', '[withdrawn]']);
    expect(JSON.stringify(late.frames)).not.toContain('secret');
    expect(late.of('withdrawn')).toEqual([
      { type: 'withdrawn', id: secret.data!.id, position: secret.data!.position + 1 },
    ]);
    await Promise.all([reader.leave(), late.leave()]);
  });

  test('of one author comes in the order in which it was sent', async () => {
    const room = newRoom();
    const [author, reader] = [join(room, ada), join(room, bob)];
    await Promise.all([author.opened, reader.opened]);
    const texts = Array.from({ length: 15 }, (_, index) => `number ${index}`);
    for (const text of texts) author.post(text, text);
    await Promise.all([reader.received('message', 15), author.received('ack', 15)]);
    expect(reader.of('message').map(({ data }) => data?.text)).toEqual(texts);
    expect(author.of('ack').map(({ ref }) => ref)).toEqual(texts);
    await Promise.all([author.leave(), reader.leave()]);
  });

  test.each([
    ['no JSON', 'hello', undefined],
    ['an empty text', '{"text":"","ref":"r"}', 'r'],
    ['no text', '{"ref":"r"}', 'r'],
    ['a text that is too long', JSON.stringify({ text: 'x'.repeat(4_001), ref: 'r' }), 'r'],
    ['another field', '{"text":"Hi","ref":"r","room":"other"}', 'r'],
    ['a number', '7', undefined],
    ['null', 'null', undefined],
    ['a broken surrogate', '{"text":"\\ud800","ref":"r"}', 'r'],
  ])('that is none is refused, and the connection stays: %s', async (_, frame, ref) => {
    const room = newRoom();
    const member = join(room, ada);
    await member.opened;
    member.socket.send(frame);
    await member.received('error', 1);
    expect(member.of('error')[0]).toMatchObject({ code: 'VALIDATION_ERROR' });
    expect(member.of('error')[0]!.ref).toBe(ref!);
    await send(server.url, `POST /chat/${room}/messages`, {
      token: bob.accessToken,
      json: { text: 'still there?' },
    });
    await member.received('message', 1);
    await member.leave();
  });

  test('is one of at most twenty in ten seconds, whatever the connection', async () => {
    const eve = await signUp(server.url);
    const room = newRoom();
    const members = [join(room, eve), join(room, eve)];
    await Promise.all(members.map(({ opened }) => opened));
    for (let index = 0; index < 22; index += 1) members[index % 2]!.post('Hi', `${index}`);
    const answers = ({ of }: (typeof members)[0]) => of('ack').length + of('error').length;
    await Promise.all(members.map((one) => one.until(() => answers(one) === 11)));
    const errors = members.flatMap(({ of }) => of('error'));
    expect(errors.map(({ code }) => code)).toEqual(['RATE_LIMITED', 'RATE_LIMITED']);
    expect(members.flatMap(({ of }) => of('ack'))).toHaveLength(20);
    const other = join(room, bob);
    await other.opened;
    other.post('I may');
    await other.received('ack', 1);
    await Promise.all([other, ...members].map(({ leave }) => leave()));
  });

  test('that is refused does not wait for one that is being stored, lest they pile up', async () => {
    const member = join(newRoom(), await signUp(server.url));
    await member.opened;
    const refs = () => member.frames.flatMap(({ ref }) => ref ?? []);
    const letGo = await server.holdLog();
    member.post('Hi', 'stored');
    member.post('', 'refused');
    await member.until(() => refs().length > 0);
    await letGo();
    await member.until(() => refs().length > 1);
    expect(refs()).toEqual(['refused', 'stored']);
    await member.leave();
  });

  test('without a text counts for nothing: by it clients see that the connection lives', async () => {
    const member = join(newRoom(), await signUp(server.url));
    await member.opened;
    for (let index = 0; index < 30; index += 1) member.post('', 'ping');
    await member.received('error', 30);
    const answered = member.of('error').map(({ code, ref }) => `${code} ${ref}`);
    expect(new Set(answered)).toEqual(new Set(['VALIDATION_ERROR ping']));
    member.post('Hi', 'post');
    await member.received('ack', 1);
    await member.leave();
  });

  test('of more than 64 KiB closes the connection with 1009', async () => {
    const member = join(newRoom(), ada);
    await member.opened;
    member.socket.send(JSON.stringify({ text: 'x'.repeat(70_000) }));
    expect((await member.closed).code).toBe(1009);
  });
});

describe('a member', () => {
  test('who was away gets what was missed, then what comes', async () => {
    const room = newRoom();
    const posted = [];
    for (const text of ['one', 'two', 'three']) {
      posted.push(await ada.client.chat({ room }).messages.post({ text }));
    }
    const first = positionOf(posted[0]!.response);
    const member = join(room, bob, { after: first });
    await member.received('message', 2);
    await ada.client.chat({ room }).messages.post({ text: 'four' });
    await member.received('message', 3);
    expect(member.of('message').map(({ data }) => data?.text)).toEqual(['two', 'three', 'four']);
    await member.leave();
  });

  test('is shown to the others once, for as long as one connection is there', async () => {
    const room = newRoom();
    const watcher = join(room, ada);
    await watcher.received('presence', 1);
    const seen = () =>
      watcher
        .of('presence')
        .at(-1)!
        .users!.map(({ name }) => name);
    expect(seen()).toEqual(['Ada Lovelace']);
    const connections = [join(room, bob), join(room, bob)];
    await Promise.all(connections.map(({ received }) => received('presence', 1)));
    await watcher.received('presence', 2);
    expect(seen()).toEqual(['Ada Lovelace', 'Bob']);
    await connections[0]!.leave();
    await connections[1]!.leave();
    await watcher.received('presence', 3);
    expect(seen()).toEqual(['Ada Lovelace']);
    await watcher.leave();
  });

  test('who comes back under another name is shown by it to everybody', async () => {
    const room = newRoom();
    const eve = await signUp(server.url, { name: 'Eve' });
    const [watcher, first] = [join(room, ada), join(room, eve)];
    await watcher.until(() => namesIn(watcher).includes('Eve'));
    await eve.client.profile.patch({ name: 'Evelyn' });
    const second = join(room, eve);
    await watcher.until(() => namesIn(watcher).includes('Evelyn'));
    expect(namesIn(watcher).toSorted()).toEqual(['Ada Lovelace', 'Evelyn']);
    await Promise.all([watcher, first, second].map(({ leave }) => leave()));
  });

  test('may come with a ticket or a token in the address', async () => {
    const response = await send(server.url, 'POST /auth/ticket', { token: ada.accessToken });
    const { ticket } = (await response.json()) as { ticket: string };
    for (const token of [ticket, ada.accessToken]) {
      const member = openChat(server.url, { room: newRoom(), query: `token=${token}` });
      expect(await member.opened).toBe(true);
      await member.leave();
    }
    const again = openChat(server.url, { room: newRoom(), query: `token=${ticket}` });
    expect(await again.opened).toBe(false);
  });

  test('with a subprotocol is answered `bearer`', async () => {
    const member = join(newRoom(), ada);
    await member.opened;
    expect(member.socket.protocol).toBe('bearer');
    await member.leave();
  });

  test('from another origin than our pages is refused', async () => {
    const { accessToken: token } = ada;
    const from = async (origin: string) => {
      const member = openChat(server.url, {
        room: newRoom(),
        query: `token=${token}`,
        headers: { origin },
      });
      const isOpened = await member.opened;
      if (isOpened) await member.leave();
      return isOpened;
    };
    expect(await from('https://evil.example')).toBe(false);
    expect(await from('null')).toBe(false);
    expect(await from(friend)).toBe(true);
    expect(await from(server.url)).toBe(true);
  });

  test('who has signed out is closed out with 4401 within five seconds', async () => {
    const eve = await signUp(server.url);
    const member = join(newRoom(), eve);
    await member.opened;
    const start = performance.now();
    await send(server.url, 'POST /auth/logout', { token: eve.accessToken });
    expect((await member.closed).code).toBe(4401);
    expect(performance.now() - start).toBeLessThan(5_000);
  });

  test('who has signed out posts nothing more, from that moment on', async () => {
    const room = newRoom();
    const eve = await signUp(server.url, { name: 'Eve' });
    const member = join(room, eve);
    await member.opened;
    await send(server.url, 'POST /auth/logout', { token: eve.accessToken });
    member.post('One more thing', 'late');
    expect((await member.closed).code).toBe(4401);
    expect(member.of('ack')).toEqual([]);
    const { data } = await ada.client.chat({ room }).messages.get({ query: {} });
    expect(data!.data).toEqual([]);
  });

  test('is told with 1012 when the server stops', async () => {
    const other = await startServer();
    const { accessToken: token } = await signUp(other.url);
    const member = openChat(other.url, { room: 'lobby', token });
    await member.opened;
    await other.stop();
    expect((await member.closed).code).toBe(1012);
  });
});

describe('a connection', () => {
  test('is refused to strangers, to rooms that cannot be, and to what is no WebSocket', async () => {
    expect(await openChat(server.url, { room: 'lobby' }).opened).toBe(false);
    expect(await openChat(server.url, { room: 'lobby', query: 'token=x' }).opened).toBe(false);
    expect(await join('Lobby', ada).opened).toBe(false);
    expect(await join('lobby', ada, { query: 'after=x' }).opened).toBe(false);
    const plain = await send(server.url, 'GET /ws/chat/lobby', { token: ada.accessToken });
    await expectProblem(plain, 400, 'BAD_REQUEST');
  });
});
