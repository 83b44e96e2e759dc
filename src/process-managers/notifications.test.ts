import { describe, expect, test } from 'bun:test';
import { type AppEvent, registry } from '../events/index.ts';
import { messageStream } from '../events/chat.ts';
import { productStream } from '../events/products.ts';
import { userStream } from '../events/users.ts';
import type { Recorded } from '../kernel/event.ts';
import type { Position, StreamName, Version } from '../kernel/stream.ts';
import { causes, createNotifier, type Raising, raisingsOf } from './notifications.ts';

const nobody: ReadonlySet<string> = new Set();

function recorded(event: AppEvent, stream: StreamName, actorId = 'ada'): Recorded<AppEvent> {
  return {
    ...event,
    id: 'event-7',
    stream,
    position: 7 as Position,
    version: 1 as Version,
    time: '2026-01-01T00:00:00.000Z',
    meta: { actorId, correlationId: 'request-3', causationId: 'request-3' },
  };
}

const posted = (text: string) =>
  recorded(
    { type: 'MessagePosted', data: { room: 'lobby', authorId: 'ada', text } },
    messageStream('m1'),
  );
const withdrawn = { type: 'MessageWithdrawn', data: { room: 'lobby', authorId: 'ada' } } as const;
const deleted = { type: 'ProductDeleted', data: { name: 'Mug', createdBy: 'ada' } } as const;
const told = (raisings: readonly Raising[]) =>
  raisings.map(({ command: { userId, kind, references } }) => ({ userId, kind, ...references }));

describe('a fact that concerns somebody', () => {
  test.each([
    [
      'a role that was changed',
      recorded(
        { type: 'UserRoleChanged', data: { role: 'admin', previousRole: 'user' } },
        userStream('bob'),
      ),
      { userId: 'bob', kind: 'role-changed', actorId: 'ada', role: 'admin' },
    ],
    [
      'a password that was changed',
      recorded({ type: 'UserPasswordChanged', data: {} }, userStream('bob')),
      { userId: 'bob', kind: 'password-changed' },
    ],
    [
      'a refresh token that was used twice',
      recorded({ type: 'RefreshTokenReused', data: { sessionId: 's' } }, userStream('bob')),
      { userId: 'bob', kind: 'token-reused' },
    ],
    [
      'a product that somebody else deleted',
      recorded(deleted, productStream('p1'), 'mo'),
      { userId: 'ada', kind: 'product-deleted', actorId: 'mo', productId: 'p1' },
    ],
    [
      'a message that somebody else withdrew',
      recorded(withdrawn, messageStream('m1'), 'mo'),
      {
        userId: 'ada',
        kind: 'message-withdrawn',
        actorId: 'mo',
        room: 'lobby',
        messageId: 'm1',
      },
    ],
  ] as const)('is told: %s', (_, event, expected) => {
    expect(told(raisingsOf(event, nobody))).toEqual([expected]);
  });

  test('is told to each who is mentioned, but not to the author', () => {
    const reference = { kind: 'mention', actorId: 'ada', room: 'lobby', messageId: 'm1' } as const;
    expect(told(raisingsOf(posted('…'), new Set(['bob', 'ada', 'eve'])))).toEqual([
      { userId: 'bob', ...reference },
      { userId: 'eve', ...reference },
    ]);
  });

  test('is not told to whoever did it', () => {
    expect(raisingsOf(recorded(deleted, productStream('p1')), nobody)).toEqual([]);
    expect(raisingsOf(recorded(withdrawn, messageStream('m1')), nobody)).toEqual([]);
  });

  test('gives each command an id of its own that is the same each time, and the cause', () => {
    const contexts = () =>
      raisingsOf(posted('…'), new Set(['bob', 'eve'])).map(({ context }) => context);
    const meta = { actorId: 'ada', correlationId: 'request-3', causationId: 'event-7' };
    expect(contexts()).toEqual([
      { ...meta, isNew: true, commandId: 'notify/event-7/mention/bob' },
      { ...meta, isNew: true, commandId: 'notify/event-7/mention/eve' },
    ]);
    expect(contexts()).toEqual(contexts());
  });

  test('is of a type that is declared', () => {
    expect(registry.types).toEqual(expect.arrayContaining([...causes]));
  });
});

describe('whom a message mentions', () => {
  function notifier() {
    const raised: Raising[] = [];
    const asked: unknown[] = [];
    const people = {
      holderOf: async (address: string) => (address === 'bob@example.com' ? 'bob' : undefined),
      async named(names: readonly string[], position: Position) {
        asked.push({ names, position });
        return names.includes('eve') ? [{ name: 'eve', id: 'eve', holders: 1 }] : [];
      },
    };
    const react = createNotifier(people, async (raising) => void raised.push(raising));
    return { react, asked, recipients: () => told(raised).map(({ userId }) => userId) };
  }

  test('is looked up by address, and by name as of the message', async () => {
    const { react, asked, recipients } = notifier();
    await react(posted('@bob@example.com @Eve'));
    expect(recipients()).toEqual(['bob', 'eve']);
    expect(asked).toEqual([{ names: ['eve'], position: 7 as Position }]);
  });

  test('is asked of nobody when there is no mention, or when an address says it all', async () => {
    const { react, asked, recipients } = notifier();
    await react(posted('Good morning'));
    await react(posted('@bob@example.com'));
    expect(asked).toEqual([]);
    expect(recipients()).toEqual(['bob']);
  });

  test('is not known once the text is erased', async () => {
    const { react, recipients } = notifier();
    const { data, ...rest } = posted('');
    await react({ ...rest, data: { ...data, text: {} } } as never);
    expect(recipients()).toEqual([]);
  });

  test('is tried again when it cannot be told', async () => {
    const failure = new Error('busy');
    const people = { holderOf: async () => 'bob', named: async () => [] };
    const react = createNotifier(people, () => Promise.reject(failure));
    await expect(react(posted('@bob@example.com'))).rejects.toBe(failure);
  });
});
