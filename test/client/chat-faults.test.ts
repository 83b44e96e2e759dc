import { describe, expect, test } from 'bun:test';
import { afterOf, chatServer, message, say } from './chat-room.ts';
import { collected } from './collected.ts';

// Servers that fall silent or say what cannot be understood, and listeners that throw.

const { fake, clientOf, join, socketOf } = chatServer();

describe('a member of a silent room', () => {
  test('gives up a connection that does not come about', async () => {
    fake.isMute = true;
    const { room, states, until } = join({ after: 0 }, clientOf({ silenceMs: 30 }));
    await until('waiting');
    expect(states.items.at(-1)?.[1]?.message).toContain('Nothing was heard for 30 ms.');
    fake.isMute = false;
    await socketOf(1);
    room.leave();
  });

  test('asks a silent server for a sign of life, and stays while there is one', async () => {
    const { room, states } = join({ after: 0 }, clientOf({ silenceMs: 100 }));
    expect(await fake.pings.first(4)).toHaveLength(4);
    expect(fake.sockets.items).toHaveLength(1);
    expect(states.items.at(-1)?.[0]).toBe('live');
    room.leave();
  });

  test('gives up a connection that has died without a word', async () => {
    fake.answersPings = false;
    const { room, states, until } = join({ after: 0 }, clientOf({ silenceMs: 40 }));
    await until('waiting');
    const waiting = states.items.find(([state]) => state === 'waiting');
    expect(waiting?.[1]).toMatchObject({ name: 'Silence' });
    expect(fake.pings.items).toHaveLength(1);
    fake.answersPings = true;
    await socketOf(2);
    room.leave();
  });
});

describe('a listener that throws', () => {
  test.each(['at once', 'by a promise'])('%s breaks nothing', async (how) => {
    const errors = collected<unknown>();
    const fail = (text: string) => {
      if (how === 'at once') throw text;
      return Promise.reject(text) as unknown as undefined;
    };
    const { room } = join(
      {
        after: 0,
        onMessage: ({ position }) => fail(`message ${position}`),
        onWithdrawn: ({ position }) => fail(`withdrawn ${position}`),
        onPresence: () => fail('presence'),
        onState: (state) => fail(state),
      },
      clientOf({ onError: errors.add }),
    );
    const first = await socketOf(1);
    for (const frame of [message(1), { type: 'withdrawn', id: 'm1', position: 2 }]) {
      say(first, frame);
    }
    say(first, { type: 'presence', users: [] });
    const told = ['connecting', 'live', 'message 1', 'withdrawn 2', 'presence'];
    expect(await errors.first(5)).toEqual(told);
    first.terminate();
    const second = await socketOf(2);
    expect(afterOf(second)).toBe('2');
    say(second, message(3));
    expect(await errors.first(9)).toEqual([...told, 'waiting', 'connecting', 'live', 'message 3']);
    room.leave();
    expect(room.state).toBe('stopped');
  });
});

describe('a frame that cannot be understood', () => {
  test.each([
    ['garbage'],
    ['null'],
    ['[]'],
    ['"message"'],
    [Buffer.from(JSON.stringify(message(2)))],
    ['{}'],
    ['{"type":1}'],
    ['{"type":"message"}'],
    [JSON.stringify({ ...message(2), position: 'x' })],
    [JSON.stringify({ ...message(2), data: null })],
    ['{"type":"withdrawn","id":"m1","position":-1}'],
    ['{"type":"ack","id":"m1"}'],
    ['{"type":"error","code":7,"message":""}'],
    ['{"type":"presence","users":{}}'],
    ['{"type":"presence","users":[null]}'],
  ])('is told, and nothing behind it is taken before it is sent again: %p', async (garbage) => {
    const errors = collected<unknown>();
    const { room, states, messages, present, withdrawn } = join(
      { after: 0 },
      clientOf({ onError: errors.add }),
    );
    const first = await socketOf(1);
    first.cork(() => {
      say(first, message(1));
      first.send(garbage);
      say(first, message(3));
    });
    const second = await socketOf(2);
    expect(afterOf(second)).toBe('1');
    for (const position of [2, 3]) say(second, message(position));
    expect((await messages.first(3)).map(({ position }) => position)).toEqual([1, 2, 3]);
    expect(errors.items).toMatchObject([{ name: 'Garbled' }]);
    expect(states.items.find(([state]) => state === 'waiting')?.[1]).toBe(errors.items[0] as Error);
    expect([present.items, withdrawn.items]).toEqual([[], []]);
    room.leave();
  });

  test('is passed over if it is of a type that is not known here', async () => {
    const { room, messages } = join({ after: 0 });
    const socket = await socketOf(1);
    say(socket, { type: 'toString', position: 9 });
    say(socket, message(1));
    expect((await messages.first(1))[0]?.position).toBe(1);
    expect(fake.sockets.items).toHaveLength(1);
    room.leave();
  });
});
