import { describe, expect, test } from 'bun:test';
import { delayMs, pause, retryAfterMs } from './back-off.ts';

const backOff = { firstMs: 1_000, maxMs: 30_000 };
const longest = () => 1;
const shortest = () => 0;

describe('the wait before the next attempt', () => {
  test.each([
    [0, 1_000],
    [1, 2_000],
    [4, 16_000],
    [5, 30_000],
    [5_000, 30_000],
  ])('after %p failures in a row is at most %p ms', (failures, ms) => {
    expect(delayMs(failures, backOff, 0, longest)).toBe(ms);
  });

  test('is anything down to nothing', () => {
    expect(delayMs(3, backOff, 0, shortest)).toBe(0);
    expect(delayMs(3, backOff, 0, () => 0.5)).toBe(4_000);
  });

  test('is never less than what the server asked for', () => {
    expect(delayMs(3, backOff, 5_000, shortest)).toBe(5_000);
    expect(delayMs(3, backOff, 5_000, longest)).toBe(13_000);
  });

  test('is never more than a timer can take', () => {
    expect(delayMs(0, backOff, 1e15, longest)).toBe(2_147_483_647);
  });
});

describe('waiting', () => {
  test('ends when the signal aborts', async () => {
    const controller = new AbortController();
    const waiting = pause(2_147_483_647, controller.signal);
    controller.abort();
    expect(await waiting).toBeUndefined();
    expect(await pause(2_147_483_647, controller.signal)).toBeUndefined();
  });
});

describe('Retry-After', () => {
  const now = Date.parse('2026-01-01T00:00:00Z');

  test.each([
    ['5', 5_000],
    ['0', 0],
    ['Thu, 01 Jan 2026 00:00:07 GMT', 7_000],
    ['Wed, 31 Dec 2025 23:59:59 GMT', 0],
    ['soon', undefined],
    [null, undefined],
  ])('%p is %p ms', (header, ms) => {
    expect(retryAfterMs(header, now)).toBe(ms);
  });
});
