import { describe, expect, test } from 'bun:test';
import { slidingWindow } from './rate-limit.ts';

const minute = 60_000;

/** Counts at a time of the given minute, and answers what the library compares with the maximum. */
function counting() {
  const window = slidingWindow();
  return {
    window,
    count: async (minutes: number, key = 'ada') =>
      (await window.increment(key, minute, minutes * minute)).count,
  };
}

describe('the sliding window', () => {
  test('counts the requests of a minute', async () => {
    const { count } = counting();
    expect([await count(10), await count(10.5), await count(10.99)]).toEqual([1, 2, 3]);
  });

  test('counts each key by itself', async () => {
    const { count } = counting();
    await count(10, 'ada');
    expect(await count(10, 'bob')).toBe(1);
  });

  test('counts the minute before by the part of it that still overlaps', async () => {
    const { count } = counting();
    for (let request = 0; request < 8; request += 1) await count(10.9);
    expect(await count(11)).toBe(1 + 8);
    expect(await count(11.25)).toBe(2 + 6);
    expect(await count(11.75)).toBe(3 + 2);
  });

  test('lets nobody double their rate at the turn of a minute', async () => {
    const { count } = counting();
    for (let request = 0; request < 60; request += 1) await count(10.99);
    expect(await count(11.01)).toBeGreaterThanOrEqual(60);
  });

  test('forgets what is two minutes old', async () => {
    const { count } = counting();
    for (let request = 0; request < 8; request += 1) await count(10);
    expect(await count(12)).toBe(1);
    for (let request = 0; request < 8; request += 1) await count(20);
    expect(await count(99)).toBe(1);
  });

  test('says when the minute ends', async () => {
    const { window } = counting();
    const { nextReset } = await window.increment('ada', minute, 10.3 * minute);
    expect(nextReset).toEqual(new Date(11 * minute));
  });

  test('takes back a request that is not to count', async () => {
    const { window, count } = counting();
    await count(10);
    await count(10);
    await window.decrement('ada');
    expect(await count(10)).toBe(2);
    await window.decrement('nobody');
  });

  test('forgets one key or all', async () => {
    const { window, count } = counting();
    for (const key of ['ada', 'bob']) await count(10, key);
    await window.reset('ada');
    expect([await count(10, 'ada'), await count(10, 'bob')]).toEqual([1, 2]);
    await window.reset();
    expect([await count(10, 'ada'), await count(10, 'bob')]).toEqual([1, 1]);
  });
});
