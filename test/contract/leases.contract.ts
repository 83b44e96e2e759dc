import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import type { Leases } from '../../src/kernel/lease.ts';

export type OpenedLeases = {
  readonly leases: Leases;
  readonly close: () => Promise<void> | void;
};

const longMs = 600_000;
const noTime = 0;

/** What every engine promises; see src/kernel/lease.ts. */
export function leasesContract(engine: string, open: () => Promise<OpenedLeases> | OpenedLeases) {
  describe(`a lease (${engine})`, () => {
    let leases: Leases;
    let close: OpenedLeases['close'];

    beforeEach(async () => {
      ({ leases, close } = await open());
    });

    afterEach(() => close());

    test('has one holder', async () => {
      expect(await leases.acquire('work', 'one', longMs)).toBe(1);
      expect(await leases.acquire('work', 'other', longMs)).toBeUndefined();
      expect(await leases.holds('work', 1)).toBe(true);
    });

    test('goes to one of many who want it at once', async () => {
      const owners = Array.from({ length: 20 }, (_, index) => `node-${index}`);
      const epochs = await Promise.all(owners.map((one) => leases.acquire('work', one, longMs)));
      expect(epochs.filter((epoch) => epoch !== undefined)).toEqual([1]);
    });

    test('has nothing to do with another of another name', async () => {
      await leases.acquire('work', 'one', longMs);
      expect(await leases.acquire('play', 'other', longMs)).toBe(1);
    });

    test('is lost once another has acquired it after its time', async () => {
      const first = (await leases.acquire('work', 'one', noTime))!;
      const second = (await leases.acquire('work', 'other', longMs))!;
      expect(second).toBeGreaterThan(first);
      expect(await leases.holds('work', first)).toBe(false);
      expect(await leases.renew('work', first, longMs)).toBe(false);
      expect(await leases.holds('work', second)).toBe(true);
    });

    test('can be renewed after its time while nobody else has it', async () => {
      const epoch = (await leases.acquire('work', 'one', noTime))!;
      expect(await leases.renew('work', epoch, longMs)).toBe(true);
      expect(await leases.acquire('work', 'other', longMs)).toBeUndefined();
    });

    test('runs out when it was renewed for no longer', async () => {
      const epoch = (await leases.acquire('work', 'one', longMs))!;
      expect(await leases.renew('work', epoch, noTime)).toBe(true);
      expect(await leases.acquire('work', 'other', longMs)).toBe(epoch + 1);
    });

    test('acquired anew by its owner makes what was begun before void', async () => {
      const first = (await leases.acquire('work', 'one', longMs))!;
      const second = (await leases.acquire('work', 'one', longMs))!;
      expect(await leases.holds('work', first)).toBe(false);
      expect(await leases.holds('work', second)).toBe(true);
    });

    test('that is released is held by nobody, and free at once', async () => {
      const epoch = (await leases.acquire('work', 'one', longMs))!;
      await leases.release('work', epoch);
      expect(await leases.holds('work', epoch)).toBe(false);
      const next = (await leases.acquire('work', 'other', longMs))!;
      expect(next).toBeGreaterThan(epoch);
    });

    test('is not released by who has lost it', async () => {
      const lost = (await leases.acquire('work', 'one', noTime))!;
      const epoch = (await leases.acquire('work', 'other', longMs))!;
      await leases.release('work', lost);
      expect(await leases.holds('work', epoch)).toBe(true);
      expect(await leases.acquire('work', 'third', longMs)).toBeUndefined();
    });

    test('that nobody has ever acquired is held by nobody', async () => {
      expect(await leases.holds('work', 1)).toBe(false);
      expect(await leases.renew('work', 1, longMs)).toBe(false);
    });
  });
}
