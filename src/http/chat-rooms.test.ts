import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { createPresence } from '../storage/presence.ts';
import { createRedisBroadcast } from '../storage/redis/broadcast.ts';
import { openRedis } from '../storage/redis/connection.ts';
import { startRedis, type TestRedis } from '../testing/redis.ts';
import { until } from '../testing/until.ts';
import { createChatRooms, type Member } from './chat-rooms.ts';

const ada = { id: 'ada', name: 'Ada' };
const bob = { id: 'bob', name: 'Bob' };
const names = new Map([ada, bob].map(({ id, name }) => [id, name]));

function startNode(url: string, nodeId: string) {
  const redis = openRedis(url, () => {});
  const broadcast = createRedisBroadcast(redis, 'here');
  const presence = createPresence(broadcast, nodeId);
  const known = new Map(names);
  const rooms = createChatRooms({ presence, nameOf: async (id) => known.get(id) });
  return {
    known,
    presence,
    rooms,
    isUp: () => redis.state().isUp,
    /** A connection that keeps what it is sent. */
    enter(member: Member) {
      const frames: string[][] = [];
      const send = (frame: string) => {
        const { users } = JSON.parse(frame) as { users: Member[] };
        return frames.push(users.map(({ name }) => name).toSorted());
      };
      const socket = { send };
      rooms.enter('lobby', socket as never, member);
      return {
        frames,
        leave: () => rooms.leave('lobby', socket as never),
        sees: (...people: string[]) => until(() => frames.at(-1)?.join() === people.join()),
      };
    },
    async stop() {
      presence.close();
      await redis.close();
      broadcast.close();
    },
  };
}

type Node = ReturnType<typeof startNode>;

describe('a room on two nodes', () => {
  let redis: TestRedis;
  let here: Node;
  let there: Node;

  beforeEach(async () => {
    redis = await startRedis();
    [here, there] = [startNode(redis.url, 'here'), startNode(redis.url, 'there')];
    await until(() => here.isUp() && there.isUp());
  });

  afterEach(async () => {
    await here.stop();
    await there.stop();
    await redis.stop();
  });

  test('shows who comes and goes on either', async () => {
    const first = here.enter(ada);
    await first.sees('Ada');
    const second = there.enter(bob);
    await first.sees('Ada', 'Bob');
    await second.sees('Ada', 'Bob');
    second.leave();
    await first.sees('Ada');
  });

  test('shows a person who is on both once, until the last connection is gone', async () => {
    const first = here.enter(ada);
    const second = there.enter(bob);
    await first.sees('Ada', 'Bob');
    const third = here.enter(bob);
    await third.sees('Ada', 'Bob');
    const isToldThere = () => there.presence.elsewhere('lobby').includes('bob');
    await until(isToldThere);
    const { length } = first.frames;
    third.leave();
    await until(() => !isToldThere());
    expect(first.frames).toHaveLength(length);
    const fifth = here.enter(bob);
    await until(isToldThere);
    expect(first.frames).toHaveLength(length);
    second.leave();
    const fourth = there.enter(ada);
    await fourth.sees('Ada', 'Bob');
    expect(first.frames.every((frame) => new Set(frame).size === frame.length)).toBe(true);
    fifth.leave();
    await first.sees('Ada');
    await fourth.sees('Ada');
  });

  test('shows those who are on the other when it opens', async () => {
    there.enter(bob);
    await until(() => here.presence.elsewhere('lobby').length > 0);
    await here.enter(ada).sees('Ada', 'Bob');
  });

  test('shows a person by the name they come back with, on both', async () => {
    const first = here.enter(ada);
    const second = there.enter(bob);
    await first.sees('Ada', 'Bob');
    here.known.set('bob', 'Robert');
    there.enter({ ...bob, name: 'Robert' });
    await second.sees('Ada', 'Robert');
    await first.sees('Ada', 'Robert');
    there.known.set('ada', 'Augusta');
    there.enter({ ...ada, name: 'Augusta' });
    here.known.set('ada', 'Augusta');
    await second.sees('Augusta', 'Robert');
    await until(() => here.presence.elsewhere('lobby').includes('ada'));
    await first.sees('Augusta', 'Robert');
  });

  test('loses those of a node that has left', async () => {
    const first = here.enter(ada);
    there.enter(bob);
    await first.sees('Ada', 'Bob');
    await there.stop();
    await first.sees('Ada');
  });

  test('is that of the node alone while Redis is away', async () => {
    const first = here.enter(ada);
    there.enter(bob);
    await first.sees('Ada', 'Bob');
    await redis.kill();
    await first.sees('Ada');
    await redis.restart();
    await first.sees('Ada', 'Bob');
  });

  test('shows somebody as soon as their name can be had', async () => {
    here.known.clear();
    const first = here.enter(ada);
    const second = there.enter(bob);
    await second.sees('Ada', 'Bob');
    await first.sees('Ada');
    here.known.set('bob', 'Bob');
    there.enter({ id: 'cleo', name: 'Cleo' });
    await first.sees('Ada', 'Bob');
  });
});
