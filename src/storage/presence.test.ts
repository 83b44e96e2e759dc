import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { startRedis, type TestRedis } from '../testing/redis.ts';
import { until } from '../testing/until.ts';
import { createPresence, lostAfterMs } from './presence.ts';
import { createRedisBroadcast } from './redis/broadcast.ts';
import { openRedis } from './redis/connection.ts';

function startNode(url: string, nodeId: string) {
  const redis = openRedis(url, () => {});
  const broadcast = createRedisBroadcast(redis, 'here');
  const presence = createPresence(broadcast, nodeId);
  const changes: string[] = [];
  presence.onChange((place) => changes.push(place));
  return {
    ...presence,
    changes,
    isUp: () => redis.state().isUp,
    broadcast,
    sees: (place: string, ...people: string[]) =>
      until(() => presence.elsewhere(place).toSorted().join() === people.join()),
    /** As when its process is killed: it says nothing any more. */
    die() {
      broadcast.close();
      return redis.close();
    },
    async leave() {
      presence.close();
      await redis.close();
      broadcast.close();
    },
  };
}

type Node = ReturnType<typeof startNode>;

describe('presence on several nodes', () => {
  let server: TestRedis;
  let nodes: [Node, Node, Node];

  beforeEach(async () => {
    server = await startRedis();
    nodes = [startNode(server.url, 'a'), startNode(server.url, 'b'), startNode(server.url, 'c')];
    await until(() => nodes.every((node) => node.isUp()));
  });

  afterEach(async () => {
    await Promise.all(nodes.map((node) => node.leave()));
    await server.stop();
  });

  test('tells each who is there on the others', async () => {
    const [a, b, c] = nodes;
    a.tell('lobby', ['ada', 'bob']);
    b.tell('lobby', ['cleo']);
    await c.sees('lobby', 'ada', 'bob', 'cleo');
    await a.sees('lobby', 'cleo');
    await b.sees('lobby', 'ada', 'bob');
    expect(c.elsewhere('support')).toEqual([]);
  });

  test('tells of those who come and go, place by place', async () => {
    const [a, b] = nodes;
    a.tell('lobby', ['ada']);
    await b.sees('lobby', 'ada');
    b.changes.length = 0;
    a.tell('support', ['ada']);
    await b.sees('support', 'ada');
    expect(b.changes).toEqual(['support']);
    a.tell('lobby', []);
    await b.sees('lobby');
    expect(b.changes).toEqual(['support', 'lobby']);
  });

  test('is told in full to a node that comes later', async () => {
    const [a] = nodes;
    a.tell('lobby', ['ada']);
    a.tell('support', ['ada', 'bob']);
    const late = startNode(server.url, 'late');
    try {
      await late.sees('support', 'ada', 'bob');
      await late.sees('lobby', 'ada');
    } finally {
      await late.leave();
    }
  });

  test('forgets those of a node that leaves, at once', async () => {
    const [a, b] = nodes;
    a.tell('lobby', ['ada']);
    await b.sees('lobby', 'ada');
    const start = performance.now();
    await a.leave();
    await b.sees('lobby');
    expect(performance.now() - start).toBeLessThan(lostAfterMs);
  });

  test('forgets those of a node that has died, after a while, and tells so', async () => {
    const [a, b] = nodes;
    a.tell('lobby', ['ada']);
    await b.sees('lobby', 'ada');
    b.changes.length = 0;
    await a.die();
    await b.sees('lobby');
    expect(b.changes).toEqual(['lobby']);
  });

  test('learns what it has missed while Redis was away', async () => {
    const [a, b] = nodes;
    a.tell('lobby', ['ada']);
    await b.sees('lobby', 'ada');
    await server.kill();
    await until(() => !a.isUp());
    a.tell('lobby', ['ada', 'bob']);
    a.tell('support', ['cleo']);
    await server.restartEmpty();
    await b.sees('lobby', 'ada', 'bob');
    await b.sees('support', 'cleo');
  });

  test('learns what it has missed from the next that it hears', async () => {
    const [a, b] = nodes;
    a.tell('lobby', ['ada']);
    await b.sees('lobby', 'ada');
    await server.kill();
    await until(() => !a.isUp());
    a.tell('lobby', ['ada', 'bob']);
    await server.restart();
    await until(() => {
      a.tell('support', ['cleo']);
      return b.elsewhere('support').length > 0;
    });
    await b.sees('lobby', 'ada', 'bob');
  });

  test('is of the node alone while Redis is away for long, and whole again afterwards', async () => {
    const [a, b] = nodes;
    a.tell('lobby', ['ada']);
    await b.sees('lobby', 'ada');
    server.freeze();
    await b.sees('lobby');
    server.thaw();
    await b.sees('lobby', 'ada');
  });

  test('does not listen to what no node has said', async () => {
    const [a, b] = nodes;
    for (const text of ['', 'null', '{}', '[1]', '"a"', '{"node":1}']) {
      a.broadcast.publish('presence.1', text);
    }
    a.tell('lobby', ['ada']);
    await b.sees('lobby', 'ada');
  });

  test('leaves nothing in Redis', async () => {
    const [a, b] = nodes;
    a.tell('lobby', ['ada']);
    await b.sees('lobby', 'ada');
    expect(await server.contents()).toEqual({});
  });
});
