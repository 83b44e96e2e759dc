import { describe, expect, test } from 'bun:test';
import { createMemoryLeases } from '../storage/memory/leases.ts';
import type { Leases } from './lease.ts';
import { createTenure } from './tenure.ts';

/** Nodes that look at their lease when a test says so, on a clock that it steers. */
function nodes() {
  let now = 0;
  let isReachable = true;
  const memory = createMemoryLeases(() => now);
  const leases = Object.fromEntries(
    Object.entries(memory).map(([name, ask]) => [
      name,
      async (...given: never[]) => {
        if (!isReachable) throw new Error('away');
        return await (ask as (...given: never[]) => Promise<unknown>)(...given);
      },
    ]),
  ) as Leases;

  function node(owner: string) {
    const told: string[] = [];
    let proceed = () => {};
    let looked = () => {};
    const tenure = createTenure({
      leases,
      name: 'work',
      owner,
      wakeUp: {
        signal: () => proceed(),
        wait: () =>
          new Promise((resolve) => {
            proceed = resolve;
            looked();
          }),
      },
      now: () => now,
      onAcquired: () => told.push('acquired'),
      onFailure: (error) => told.push((error as Error).message),
    });
    /** Lets it look once more. */
    async function look() {
      await new Promise<void>((resolve) => {
        looked = resolve;
        proceed();
      });
    }
    async function start() {
      await new Promise<void>((resolve) => {
        looked = resolve;
        tenure.start();
      });
    }
    return { tenure, told, start, look };
  }

  return {
    leases,
    node,
    pass: (ms: number) => (now += ms),
    reach: (is: boolean) => (isReachable = is),
  };
}

describe('of several nodes', () => {
  test('one has the lease for as long as it renews it', async () => {
    const { node, pass } = nodes();
    const [one, other] = [node('one'), node('other')];
    await one.start();
    await other.start();
    for (let times = 0; times < 20; times += 1) {
      pass(1_000);
      await one.look();
      await other.look();
    }
    expect([one.tenure.epoch(), other.tenure.epoch()]).toEqual([1, undefined]);
    expect([one.told, other.told]).toEqual([['acquired'], []]);
  });

  test('another has it within three seconds after one was killed', async () => {
    const { node, pass } = nodes();
    const [one, other] = [node('one'), node('other')];
    await one.start();
    await other.start();
    pass(2_700);
    await other.look();
    expect(other.tenure.epoch()).toBe(2);
    expect(one.tenure.epoch()).toBeUndefined();
    await one.look();
    expect(one.tenure.epoch()).toBeUndefined();
  });

  test('another has it at once after one has stopped', async () => {
    const { node } = nodes();
    const [one, other] = [node('one'), node('other')];
    await one.start();
    await other.start();
    await one.tenure.stop();
    await other.look();
    expect(one.tenure.epoch()).toBeUndefined();
    expect(other.told).toEqual(['acquired']);
  });
});

describe('who has the lease', () => {
  test('does not believe in it longer than it was given, while it cannot be renewed', async () => {
    const { node, pass, reach } = nodes();
    const one = node('one');
    await one.start();
    reach(false);
    pass(1_900);
    await one.look();
    await one.look();
    expect(one.tenure.epoch()).toBe(1);
    pass(200);
    expect(one.tenure.epoch()).toBeUndefined();
    expect(one.told).toEqual(['acquired', 'away']);
    expect(one.tenure.failure()).toMatchObject({ message: 'away' });
    reach(true);
    await one.look();
    expect(one.tenure.epoch()).toBe(1);
    expect(one.tenure.failure()).toBeUndefined();
  });

  test('acquires it anew, if it can, after it was told that it is lost', async () => {
    const { node } = nodes();
    const one = node('one');
    await one.start();
    one.tenure.lost(0);
    expect(one.tenure.epoch()).toBe(1);
    one.tenure.lost(1);
    expect(one.tenure.epoch()).toBeUndefined();
    await one.look();
    expect(one.tenure.epoch()).toBe(2);
  });

  test('leaves it to run out where it cannot be given back', async () => {
    const { node, reach, leases } = nodes();
    const one = node('one');
    await one.start();
    reach(false);
    await one.tenure.stop();
    expect(one.told).toEqual(['acquired', 'away']);
    reach(true);
    expect(await leases.acquire('work', 'other', 1)).toBeUndefined();
  });
});
