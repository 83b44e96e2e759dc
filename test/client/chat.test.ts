import { describe, expect, test } from 'bun:test';
import type { Posted } from '../../src/client/index.ts';
import { afterOf, chatServer, message, say } from './chat-room.ts';

const { fake, clientOf, join, socketOf } = chatServer();
const failure = (post: Promise<Posted>) => post.catch((error: unknown) => error);

describe('a member of a chat room', () => {
  test('signs in by subprotocol', async () => {
    const { room } = join();
    const { url, headers } = (await socketOf(1)).data.request;
    expect(new URL(url).pathname).toBe('/ws/chat/lobby');
    expect(headers.get('sec-websocket-protocol')?.replaceAll(' ', '')).toBe('bearer,a-token');
    room.leave();
  });

  test('begins where the log ends, and comes back there when nothing was said', async () => {
    const { room, messages } = join();
    const first = await socketOf(1);
    expect(afterOf(first)).toBe('40');
    expect(fake.streams.items).toHaveLength(1);
    await fake.streams.items[0];
    fake.head = 45;
    first.terminate();
    const second = await socketOf(2);
    expect(afterOf(second)).toBe('40');
    expect(fake.streams.items).toHaveLength(1);
    say(second, message(44));
    expect((await messages.first(1))[0]?.position).toBe(44);
    room.leave();
  });

  test('sees messages, what is withdrawn, and who is there', async () => {
    const { room, messages, withdrawn, present } = join({ after: 0 });
    const socket = await socketOf(1);
    say(socket, { type: 'presence', users: [{ id: 'ada', name: 'Ada' }] });
    say(socket, message(1));
    say(socket, { type: 'withdrawn', id: 'm1', position: 2 });
    expect(await withdrawn.first(1)).toEqual([{ id: 'm1', position: 2 }]);
    const { type: _, ...seen } = message(1);
    expect(messages.items).toEqual([seen]);
    expect(present.items).toEqual([[{ id: 'ada', name: 'Ada' }]]);
    expect(room.position).toBe(2);
    room.leave();
  });

  test.each([1006, 1012, 1013, 1011])(
    'comes back after %p, and sees nothing twice',
    async (code) => {
      const { room, messages, states } = join({ after: 0 });
      const first = await socketOf(1);
      say(first, message(1));
      say(first, message(2));
      await messages.first(2);
      if (code === 1006) first.terminate();
      else first.close(code);
      const second = await socketOf(2);
      expect(afterOf(second)).toBe('2');
      for (const position of [2, 1, 3]) say(second, message(position));
      expect((await messages.first(3)).map(({ position }) => position)).toEqual([1, 2, 3]);
      room.leave();
      const seen = states.items.map(([state]) => state);
      expect(seen).toEqual(['connecting', 'live', 'waiting', 'connecting', 'live', 'stopped']);
    },
  );

  test('leaves', async () => {
    const { room, states, messages } = join({ after: 0 });
    const socket = await socketOf(1);
    room.leave();
    say(socket, message(1));
    expect(room.state).toBe('stopped');
    expect(states.items.at(-1)).toEqual(['stopped', undefined]);
    expect(await failure(room.post('too late'))).toMatchObject({ code: 'NOT_SENT' });
    expect(messages.items).toEqual([]);
  });

  test('is told nothing more once it has left', async () => {
    const seen: number[] = [];
    const left = Promise.withResolvers<void>();
    const { room } = join({
      after: 0,
      onMessage({ position }) {
        seen.push(position);
        room.leave();
        setTimeout(left.resolve, 20);
      },
    });
    const socket = await socketOf(1);
    socket.cork(() => {
      for (const position of [1, 2, 3]) say(socket, message(position));
    });
    await left.promise;
    expect(seen).toEqual([1]);
  });

  test('cannot enter a room that no room is called like', () => {
    expect(() => clientOf().chat.join('The Lobby')).toThrow(RangeError);
  });
});

describe('posting', () => {
  test('is done when the server has acknowledged it', async () => {
    const { room } = join({ after: 0 });
    const [a, b] = [room.post('one'), room.post('two')];
    const socket = await socketOf(1);
    await fake.posts.first(2);
    void failure(room.post('three'));
    const [one, two, three] = await fake.posts.first(3);
    expect([one, two, three].map((post) => post?.text)).toEqual(['one', 'two', 'three']);
    say(socket, { type: 'ack', ref: two?.ref, id: 'm2', position: 12 });
    say(socket, { type: 'ack', ref: one?.ref, id: 'm1', position: 11 });
    expect(await a).toEqual({ id: 'm1', position: 11 });
    expect(await b).toEqual({ id: 'm2', position: 12 });
    expect(room.position).toBe(0);
    room.leave();
  });

  test('fails with the reason that the server gives', async () => {
    const { room } = join({ after: 0 });
    const posted = failure(room.post('one'));
    const [one] = await fake.posts.first(1);
    say(await socketOf(1), {
      type: 'error',
      code: 'RATE_LIMITED',
      message: 'Wait.',
      ref: one?.ref,
    });
    expect(await posted).toMatchObject({
      name: 'PostFailed',
      code: 'RATE_LIMITED',
      message: 'Wait.',
    });
    room.leave();
  });

  test('has an unknown outcome when the connection is lost, and is not repeated', async () => {
    const { room } = join({ after: 0 });
    const posted = failure(room.post('one'));
    await fake.posts.first(1);
    (await socketOf(1)).terminate();
    expect(await posted).toMatchObject({ name: 'PostFailed', code: 'OUTCOME_UNKNOWN' });
    await socketOf(2);
    const again = room.post('two');
    const [, two] = await fake.posts.first(2);
    expect(two?.text).toBe('two');
    say(await socketOf(2), { type: 'ack', ref: two?.ref, id: 'm2', position: 12 });
    expect(await again).toEqual({ id: 'm2', position: 12 });
    room.leave();
  });

  test('waits for the next connection', async () => {
    const { room, until } = join({ after: 0 });
    (await socketOf(1)).terminate();
    await until('waiting');
    void failure(room.post('one'));
    expect((await fake.posts.first(1))[0]?.text).toBe('one');
    await socketOf(2);
    room.leave();
  });

  test('that nobody answers in time fails, and the connection is made anew', async () => {
    const { room } = join({ after: 0 }, clientOf({ answerMs: 50 }));
    await socketOf(1);
    expect(await failure(room.post('one'))).toMatchObject({ code: 'OUTCOME_UNKNOWN' });
    const again = room.post('two');
    const [, two] = await fake.posts.first(2);
    say(await socketOf(2), { type: 'ack', ref: two?.ref, id: 'm2', position: 12 });
    expect(await again).toEqual({ id: 'm2', position: 12 });
    room.leave();
  });

  test('that could not be sent in time fails', async () => {
    fake.refuse = () => new Response('', { status: 503 });
    const { room } = join({ after: 0 }, clientOf({ answerMs: 50 }));
    expect(await failure(room.post('one'))).toMatchObject({ code: 'NOT_SENT' });
    room.leave();
  });

  test('ends when the room is left', async () => {
    const { room } = join({ after: 0 });
    const sent = failure(room.post('one'));
    await fake.posts.first(1);
    room.leave();
    expect(await sent).toMatchObject({ code: 'OUTCOME_UNKNOWN' });
  });

  test('is refused when too much is waiting', async () => {
    const { room } = join({ after: 0 });
    const all = Array.from({ length: 101 }, () => failure(room.post('one')));
    expect(await all.at(-1)).toMatchObject({ code: 'NOT_SENT' });
    room.leave();
    await Promise.all(all);
  });
});

describe('a member whose token is no longer taken', () => {
  test('comes back with another one', async () => {
    let token = 'old';
    const { room } = join({ after: 0 }, clientOf({ accessToken: () => token }));
    const first = await socketOf(1);
    token = 'new';
    first.close(4401);
    const { headers } = (await socketOf(2)).data.request;
    expect(headers.get('sec-websocket-protocol')).toContain('new');
    room.leave();
  });

  test('is out when there is none', async () => {
    const { states, until } = join({ after: 0 });
    (await socketOf(1)).close(4401, 'Sign in again.');
    await until('stopped');
    expect(states.items.at(-1)?.[1]?.message).toContain('4401 Sign in again.');
    expect(fake.sockets.items).toHaveLength(1);
  });
});

describe('a handshake that is refused', () => {
  test.each([401, 403, 404])('for good, with %p, is not tried again', async (status) => {
    fake.refuse = () => Response.json({ code: 'NO', message: 'Not you.' }, { status });
    const { states, until } = join({ after: 0 });
    await until('stopped');
    expect(states.items.at(-1)?.[1]).toMatchObject({ name: 'Refused', status, code: 'NO' });
  });

  test('for a while is tried again', async () => {
    fake.refuse = () => Response.json({ code: 'UNAVAILABLE', message: 'Later.' }, { status: 503 });
    const { room, until } = join({ after: 0 });
    await until('waiting');
    fake.refuse = undefined;
    await socketOf(1);
    room.leave();
  });
});
