import { describe, expect, test } from 'bun:test';
import { context, purses } from '../testing/purses.ts';
import type { Version } from './stream.ts';

describe('where other processes append, too', () => {
  const pay = { type: 'Pay', amount: 1 } as const;

  /** A purse that is remembered with 1 in it, and holds 11. */
  async function outdated() {
    const all = purses({ isShared: true });
    await all.handle('a', pay, context);
    await all.elsewhere('a', 10);
    return all;
  }

  test('a refusal is based on what the log holds', async () => {
    const { handle } = await outdated();
    const outcome = await handle('a', { type: 'Spend', amount: 5 }, context);
    expect(outcome).toMatchObject({ ok: true, version: 3, state: { amount: 6 } });
  });

  test('that there is nothing to do is based on it', async () => {
    const { handle } = await outdated();
    const outcome = await handle('a', { type: 'FillTo', amount: 1 }, context);
    expect(outcome).toMatchObject({ ok: true, version: 2, state: { amount: 11 } });
  });

  test('that the caller saw an older version is based on it', async () => {
    const { handle } = await outdated();
    const seen = { ...context, ifVersion: 2 as Version };
    expect(await handle('a', pay, seen)).toMatchObject({ ok: true, version: 3 });
  });

  test('what is loaded is what the log holds, of which only the newer events are read', async () => {
    const { handle, world } = await outdated();
    expect(await handle.load('a')).toMatchObject({ version: 2, state: { amount: 11 } });
    expect(await handle.load('a')).toMatchObject({ version: 2, state: { amount: 11 } });
    expect(world.reads).toBe(3);
  });

  test('an append reads nothing more than elsewhere: the log finds out', async () => {
    const { handle, world } = purses({ isShared: true });
    for (let command = 0; command < 5; command += 1) await handle('a', pay, context);
    expect(world.reads).toBe(1);
  });
});
