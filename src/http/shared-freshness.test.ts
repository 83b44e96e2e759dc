import { describe, expect, test } from 'bun:test';
import type { Position } from '../kernel/stream.ts';
import { createSharedFreshness, type Standing } from './shared-freshness.ts';

const at = (position: number) => position as Position;
const start = at(5);
const waits = { own: 60, others: 20 };

/** A log and rows that stand where a test says, and how often they were asked. */
function stores(standing: { head: number; applied: number }) {
  let now = standing;
  let asked = 0;
  let looked = 0;
  const written: { readonly by: string; readonly position: number }[] = [];
  const freshness = createSharedFreshness(
    {
      async reached() {
        await Bun.sleep(1);
        return true; // hearsay, which counts for nothing
      },
      enter: () => {},
      async standing() {
        asked += 1;
        return { head: at(now.head), applied: at(now.applied) };
      },
      async newestBy(userId, { applied, head }: Standing) {
        looked += 1;
        const theirs = written.filter(
          ({ by, position }) => by === userId && position > applied && position <= head,
        );
        return at(Math.max(0, ...theirs.map(({ position }) => position)));
      },
    },
    start,
    waits,
  );
  const read = (userId: string, headers = {}) =>
    freshness.read(new Request('http://localhost/', { headers }), userId).then(
      () => 'answered' as const,
      (error: { status: number }) => error.status,
    );
  return {
    freshness,
    read,
    written,
    come: (to: { head: number; applied: number }) => (now = to),
    asked: () => asked,
    looked: () => looked,
  };
}

describe('a read', () => {
  test('asks once where rows are where the log is', async () => {
    const { read, asked, looked } = stores({ head: 9, applied: 9 });
    expect(await read('ada')).toBe('answered');
    expect([asked(), looked()]).toEqual([1, 0]);
  });

  test('shares a question with those who come at the same time, never with an earlier one', async () => {
    const { read, asked } = stores({ head: 9, applied: 9 });
    await Promise.all(Array.from({ length: 50 }, () => read('ada')));
    expect(asked()).toBe(1);
    const first = read('ada');
    await Promise.resolve();
    await Promise.all([first, read('bob')]);
    expect(asked()).toBe(3);
  });

  test('waits for what its caller has written elsewhere, and is refused when it does not come', async () => {
    const { read, written, come } = stores({ head: 9, applied: 7 });
    written.push({ by: 'ada', position: 8 });
    expect(await read('ada')).toBe(503);
    expect(await read('bob')).toBe('answered');
    const reading = read('ada');
    come({ head: 12, applied: 8 });
    expect(await reading).toBe('answered');
  });

  test('waits for what its caller has written here', async () => {
    const { freshness, read, come } = stores({ head: 5, applied: 5 });
    freshness.wrote('ada', at(6));
    expect(await read('ada')).toBe(503);
    come({ head: 6, applied: 6 });
    expect(await read('ada')).toBe('answered');
  });

  test('is refused where rows are too far behind to look for what its caller has written', async () => {
    const { read, looked } = stores({ head: 20_000, applied: 5 });
    expect(await read('ada')).toBe(503);
    expect(looked()).toBe(0);
  });

  test('waits for the position it asks for, and for what was there at the start', async () => {
    const { read, come } = stores({ head: 9, applied: 4 });
    expect(await read('bob')).toBe(503);
    come({ head: 9, applied: 9 });
    expect(await read('bob', { 'read-after': '10' })).toBe(503);
    expect(await read('bob', { 'read-after': '9' })).toBe('answered');
    expect(await read('bob', { 'read-after': 'x' })).toBe(422);
  });
});
