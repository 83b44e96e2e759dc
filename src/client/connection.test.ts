import { describe, expect, test } from 'bun:test';
import { pause } from './back-off.ts';
import { type Ending, keepConnected } from './connection.ts';
import { Garbled } from './problems.ts';

const parts = { onState: () => {}, onError: () => {}, random: () => 1 };

/** How many milliseconds lay between the attempts, the last of which stops it. */
async function gaps(
  count: number,
  attempt: (index: number, isLive: () => void) => Promise<Ending | void>,
) {
  const starts: number[] = [];
  const backOff = { firstMs: 4, maxMs: 10_000 };
  const connection = keepConnected(
    async (_, isLive) => {
      starts.push(performance.now());
      if (starts.length > count) return { isFinal: true };
      return (await attempt(starts.length, isLive)) ?? {};
    },
    { ...parts, backOff, open: new Set() },
  );
  await connection.stopped;
  return starts.slice(1).map((start, index) => start - starts[index]!);
}

describe('a connection that fails again and again', () => {
  test('is tried less and less often', async () => {
    const waits = await gaps(6, async () => {});
    for (const [index, ms] of waits.entries()) expect(ms).toBeGreaterThan(3 * 2 ** index);
  });

  test('is so too when it is accepted and cut at once', async () => {
    const waits = await gaps(6, async (_, isLive) => isLive());
    expect(waits.at(-1)).toBeGreaterThan(100);
  });

  test('is tried soon again after it was live for a while', async () => {
    const { signal } = new AbortController();
    const waits = await gaps(8, async (index, isLive) => {
      if (index < 8) return;
      isLive();
      await pause(5, signal);
    });
    expect(waits.at(-2)).toBeGreaterThan(250);
    expect(waits.at(-1)).toBeLessThan(250);
  });

  test('is tried less and less often if each time it says what cannot be understood', async () => {
    const { signal } = new AbortController();
    const waits = await gaps(6, async (_, isLive) => {
      isLive();
      await pause(5, signal);
      return { cause: new Garbled('x') };
    });
    expect(waits.at(-1)).toBeGreaterThan(100);
  });
});

describe('a connection', () => {
  test('is among the open ones until it stops', async () => {
    const open = new Set<ReturnType<typeof keepConnected>>();
    const backOff = { firstMs: 1, maxMs: 1 };
    const connection = keepConnected(async () => ({}), { ...parts, backOff, open });
    expect([...open]).toEqual([connection]);
    connection.stop();
    expect(open.size).toBe(0);
    expect(await connection.stopped).toBeUndefined();
  });
});
