import { describe, expect, test } from 'bun:test';
import type { Position } from '../kernel/stream.ts';
import { createFreshness } from './freshness.ts';

const at = (position: number) => position as Position;
const start = at(5);

/** Read models that come to a position when a test says so; waits are told and end at once. */
function readModels() {
  const waits: { position: number; ms: number }[] = [];
  let applied = start;
  let onWait = () => {};
  const freshness = createFreshness(
    {
      hasReached: (position) => position <= applied,
      async reached(position, ms) {
        waits.push({ position, ms });
        onWait();
        return position <= applied;
      },
      enter: () => {},
    },
    start,
  );
  const read = (userId: string, headers = {}) =>
    freshness.read(new Request('http://localhost/', { headers }), userId).then(
      () => 'answered' as const,
      (error: { status: number }) => error.status,
    );
  return { freshness, read, waits, comeTo: (to: number) => (onWait = () => (applied = at(to))) };
}

describe('a read', () => {
  test('waits for nothing while the rows are there', async () => {
    const { freshness, read, waits } = readModels();
    freshness.wrote('ada', at(5));
    expect([await read('ada'), await read('bob')]).toEqual(['answered', 'answered']);
    expect(waits).toEqual([]);
  });

  test('of whoever wrote waits for the rows', async () => {
    const { freshness, read, waits, comeTo } = readModels();
    freshness.wrote('ada', at(6));
    comeTo(6);
    expect(await read('ada')).toBe('answered');
    expect(waits).toEqual([{ position: 6, ms: 2_000 }]);
  });

  test('of whoever wrote is refused when the rows do not come', async () => {
    const { freshness, read } = readModels();
    freshness.wrote('ada', at(6));
    expect(await read('ada')).toBe(503);
  });

  test('of whoever wrote waits for the newest, though a later command had nothing to do', async () => {
    const { freshness, read } = readModels();
    freshness.wrote('ada', at(9));
    freshness.wrote('ada', at(2));
    expect(await read('ada')).toBe(503);
  });

  test('of somebody else waits for them too, and is answered if they do not come', async () => {
    const { freshness, read, waits } = readModels();
    freshness.wrote('ada', at(6));
    expect(await read('bob')).toBe('answered');
    expect(waits).toEqual([{ position: 6, ms: 250 }]);
  });

  test('that asks for a position is refused when it does not come', async () => {
    const { read } = readModels();
    expect(await read('bob', { 'read-after': '6' })).toBe(503);
  });
});
