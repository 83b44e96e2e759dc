import { expect, test } from 'bun:test';
import { pauseAfter, retryPolicy } from './jobs.ts';

test('a job is tried for about a day, and soon again at first', () => {
  const { attemptsMax } = retryPolicy;
  const failures = Array.from({ length: attemptsMax - 1 }, (_, index) => index + 1);
  const pauses = failures.map((attempts) => pauseAfter(attempts, retryPolicy));
  expect(pauses.slice(0, 4)).toEqual([5_000, 10_000, 20_000, 40_000]);
  const hours = pauses.reduce((sum, pause) => sum + pause) / 3_600_000;
  expect(Math.round(hours)).toBe(23);
});
