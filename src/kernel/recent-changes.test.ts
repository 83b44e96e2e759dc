import { describe, expect, test } from 'bun:test';
import { createMemoryLog } from '../storage/memory/event-log.ts';
import { appendOf, streamOf, write } from '../testing/log.ts';
import { createRecentChanges } from './recent-changes.ts';
import type { Position } from './stream.ts';

const at = (position: number) => position as Position;
const windowSize = 4;

async function following(events: number) {
  const log = createMemoryLog();
  const append = async (...ids: string[]) => {
    for (const id of ids) await log.append([appendOf(write(id))]);
  };
  for (let event = 0; event < events; event += 1) await append('before');
  const changes = createRecentChanges(log, windowSize);
  const follow = async () => {
    while (await changes.advance());
  };
  await follow();
  return { log, changes, append, follow };
}

describe('recent changes', () => {
  test('begin where the log ends, and know the hash there', async () => {
    const { log, changes } = await following(3);
    const [last] = await log.readBack(at(4), 1);
    expect(changes.head()).toBe(at(3));
    expect(changes.hashAt(at(3))).toBe(last!.hash);
    expect([changes.hashAt(at(2)), changes.hashAt(at(4))]).toEqual([undefined, undefined]);
  });

  test('begin with an empty log', async () => {
    const { changes, append, follow } = await following(0);
    expect([changes.head(), changes.hashAt(at(0))]).toEqual([at(0), '']);
    await append('a');
    await follow();
    expect(changes.isUntouchedSince(streamOf('a'), at(0))).toBe(false);
    expect(changes.isUntouchedSince(streamOf('b'), at(0))).toBe(true);
  });

  test('know nothing before they have begun', () => {
    const changes = createRecentChanges(createMemoryLog(), windowSize);
    expect(changes.hashAt(at(0))).toBeUndefined();
  });

  test('tell of each stream and each category when it was touched last', async () => {
    const { changes, append, follow } = await following(2);
    await append('a', 'b', 'a');
    await follow();
    const untouched = (subject: string) =>
      [2, 3, 4, 5].filter((position) => changes.isUntouchedSince(subject, at(position)));
    expect(untouched(streamOf('a'))).toEqual([5]);
    expect(untouched(streamOf('b'))).toEqual([4, 5]);
    expect(untouched(streamOf('c'))).toEqual([2, 3, 4, 5]);
    expect(untouched('test')).toEqual([5]);
    expect(untouched('other')).toEqual([2, 3, 4, 5]);
  });

  test('vouch for no position that has left the window', async () => {
    const { log, changes, append, follow } = await following(1);
    await append('a', 'b', 'b', 'b', 'b', 'b');
    await follow();
    const known = [1, 2, 3, 4, 5, 6, 7, 8].filter((position) => changes.hashAt(at(position)));
    expect(known).toEqual([4, 5, 6, 7]);
    for (const { position, hash } of await log.readAll(at(3), 4)) {
      expect(changes.hashAt(position)).toBe(hash);
    }
  });

  test('know of a stream that was touched before the window and again within it', async () => {
    const { changes, append, follow } = await following(0);
    await append('a', 'b', 'a', 'b', 'b');
    await follow();
    expect(changes.isUntouchedSince(streamOf('a'), at(2))).toBe(false);
  });

  test('remember what is in the window and no more, however long they follow', async () => {
    const { changes, append, follow } = await following(0);
    for (let event = 1; event <= 50; event += 1) {
      await append(`s${event}`);
      await follow();
      const untouched = changes.isUntouchedSince(streamOf(`s${event}`), at(event - 1));
      expect(untouched).toBe(false);
      const left = event - windowSize;
      if (left > 0) expect(changes.isUntouchedSince(streamOf(`s${left}`), at(0))).toBe(true);
    }
  });
});
