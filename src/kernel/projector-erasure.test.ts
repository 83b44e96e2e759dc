// What a projector makes of somebody's erasure, when something of theirs was parked before.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { messageStream } from '../events/chat.ts';
import { userStream } from '../events/users.ts';
import { chatProjection, messages } from '../projections/chat.ts';
import { users, usersProjection } from '../projections/users.ts';
import { appendOf } from '../testing/log.ts';
import { readSide } from '../testing/read-side.ts';
import type { StreamName } from './stream.ts';

const ada = userStream('ada');
const erased = { type: 'UserErased', data: {} } as const;
const said = (text: string) =>
  ({ type: 'MessagePosted', data: { room: 'lobby', authorId: 'ada', text } }) as const;

let side: ReturnType<typeof readSide>;

beforeEach(async () => {
  side = readSide([usersProjection, chatProjection]);
  await side.registers(ada, 'Ada');
});
afterEach(() => side.close());

/** An event that is stored as it is, however broken. */
const stores = (stream: StreamName, type: string, data: string) =>
  side.log.append([
    appendOf({ stream, expected: 'any', events: [{ id: 'raw', type, schemaVersion: 1, data }] }),
  ]);

/** The key is gone, and the log says so. */
async function erase() {
  await side.happens(ada, erased);
  side.keys.remove('ada');
}

async function expectAsReplayed() {
  const before = side.dump();
  await side.rebuild();
  expect(side.dump()).toEqual(before);
}

describe('erasing somebody of whom an event is parked', () => {
  test('clears their row, and leaves nothing of them parked', async () => {
    await stores(ada, 'UserRenamed', '{"name":');
    await side.happens(ada, { type: 'UserRenamed', data: { name: 'Later' } });
    await side.catchUp();
    expect(await side.parked()).toEqual(['users 2', 'users 3']);
    expect(side.rowsOf(users)).toHaveLength(1);
    await erase();
    await side.catchUp();
    expect(await side.parked()).toEqual([]);
    expect(side.progress()!.parked).toEqual([]);
    expect(side.rowsOf(users)).toEqual([]);
    side.restart();
    await side.catchUp();
    expect(side.rowsOf(users)).toEqual([]);
    await side.happens(messageStream('m1'), {
      type: 'MessageWithdrawn',
      data: { room: 'lobby', authorId: 'ada' },
    });
    await side.catchUp();
    expect(await side.parked()).toEqual(['messages 5']);
  });

  test('does so when all of it stands in one page', async () => {
    await stores(ada, 'UserRenamed', '{"name":');
    await erase();
    await side.catchUp();
    expect(await side.parked()).toEqual([]);
    expect(side.rowsOf(users)).toEqual([]);
    await expectAsReplayedWithoutTheBroken();
  });

  test('does so when the rows, and not the event, are to blame', async () => {
    await side.catchUp();
    side.run(
      "CREATE TRIGGER refuse BEFORE UPDATE ON users BEGIN SELECT RAISE(ABORT, 'refused'); END",
    );
    await side.happens(ada, { type: 'UserRenamed', data: { name: 'Later' } });
    await erase();
    await side.catchUp();
    expect(await side.parked()).toEqual([]);
    expect(side.rowsOf(users)).toEqual([]);
    side.restart();
    await side.catchUp();
    expect(await side.parked()).toEqual([]);
    expect(side.rowsOf(users)).toEqual([]);
  });

  test('leaves a parked message to be made good without its text', async () => {
    await side.happens(messageStream('m1'), said('first'));
    await side.catchUp();
    side.run("UPDATE messages SET id = 'm2'");
    await side.happens(messageStream('m2'), said('second')); // there is one already
    await side.catchUp();
    expect(await side.parked()).toEqual(['messages 3']);
    await erase();
    await side.catchUp();
    side.run("UPDATE messages SET id = 'm1'");
    side.restart();
    await side.catchUp();
    expect(await side.parked()).toEqual([]);
    expect(side.rowsOf(messages)).toMatchObject([{ text: '[erased]' }, { text: '[erased]' }]);
    await expectAsReplayed();
  });

  /** A broken event is parked again by a replay, until the erasure takes its place. */
  async function expectAsReplayedWithoutTheBroken() {
    await side.rebuild();
    expect(await side.parked()).toEqual([]);
    expect(side.rowsOf(users)).toEqual([]);
  }
});
