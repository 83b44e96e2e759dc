import { describe, expect, test } from 'bun:test';
import { createWakeUp } from './wake-up.ts';

const forEver = 2 ** 30;

describe('waiting for a wake-up', () => {
  test('ends at the next signal', async () => {
    const wakeUp = createWakeUp();
    const waiting = wakeUp.wait(forEver);
    wakeUp.signal();
    await waiting;
  });

  test('ends at once when a signal came before', async () => {
    const wakeUp = createWakeUp();
    wakeUp.signal();
    await wakeUp.wait(forEver);
  });

  test('ends after the given time without a signal', async () => {
    const start = performance.now();
    await createWakeUp().wait(20);
    expect(performance.now() - start).toBeGreaterThan(15);
  });

  test('counts any number of signals as one', async () => {
    const wakeUp = createWakeUp();
    for (let signal = 0; signal < 3; signal += 1) wakeUp.signal();
    await wakeUp.wait(forEver);
    const second = wakeUp.wait(20).then(() => 'timed out');
    expect(await Promise.race([second, Promise.resolve('at once')])).toBe('at once');
    expect(await second).toBe('timed out');
  });

  test('leaves no signal behind once one has ended it', async () => {
    const wakeUp = createWakeUp();
    const first = wakeUp.wait(forEver);
    wakeUp.signal();
    await first;
    const start = performance.now();
    await wakeUp.wait(20);
    expect(performance.now() - start).toBeGreaterThan(15);
  });
});
