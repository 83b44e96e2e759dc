import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import type { Rotation, Vault } from '../../src/kernel/vault.ts';
import { day, type OpenedVault, person, rotation, session } from './vault.contract.ts';

const second = (number: number) => `2026-01-02T00:00:${String(number).padStart(2, '0')}.000Z`;
const atOnce = 20;

/** What every vault promises of sessions that go on; see src/kernel/vault.ts. */
export function vaultSessionsContract(engine: string, open: () => Promise<OpenedVault>) {
  describe(`sessions in the vault (${engine})`, () => {
    let vault: Vault;
    let close: OpenedVault['close'];

    beforeEach(async () => {
      ({ vault, close } = await open());
      await vault.addPerson(person('ada'));
      await vault.addPerson(person('bob'));
    });
    afterEach(() => close());

    /** The token `from` is exchanged for the token `to`. */
    const exchange = async (from: number, to: number, rest: Partial<Rotation> = {}) => {
      const tokens = { refreshHash: `s-${from}`, nextHash: `s-${to}` };
      return (await vault.rotateSession({ ...rotation('s', from), ...tokens, ...rest })).outcome;
    };

    describe('however often it is used, a session', () => {
      test('ends thirty days after it began, or whenever it was said to', async () => {
        await vault.startSession(session('s'));
        const use = (from: number, at: string, expiresAt: string) =>
          vault.rotateSession({ ...rotation('s', from, at), expiresAt });
        expect(await use(1, day(8), day(11))).toMatchObject({ expiresAt: day(11) });
        expect(await use(2, day(11), day(15))).toMatchObject({ expiresAt: day(12) });
        expect(await use(3, day(12), day(16))).toMatchObject({ expiresAt: day(12) });
        expect(await use(4, day(13), day(17))).toEqual({ outcome: 'unknown' });
      });
    });

    describe('within the grace, a token that was exchanged', () => {
      beforeEach(() => vault.startSession(session('s')));
      const at = (time: number, grace: number) => ({
        at: second(time),
        graceFrom: second(time - grace),
      });

      test('is exchanged again, and what it was exchanged for before is valid no more', async () => {
        expect(await exchange(1, 2, at(10, 5))).toBe('rotated');
        expect(await exchange(1, 3, at(12, 5))).toBe('rotated');
        expect(await exchange(3, 4, at(13, 5))).toBe('rotated');
      });

      test('ends the session if both successors are used', async () => {
        await exchange(1, 2, at(10, 5));
        await exchange(1, 3, at(12, 5));
        expect(await exchange(2, 4, at(13, 5))).toBe('reused');
        expect(await exchange(3, 5, at(13, 5))).toBe('unknown');
      });

      test('ends the session once its successor has been used', async () => {
        await exchange(1, 2, at(10, 5));
        await exchange(2, 3, at(11, 5));
        expect(await exchange(1, 4, at(12, 5))).toBe('reused');
        expect(await exchange(3, 5, at(12, 5))).toBe('unknown');
      });

      test('does not get more of it by being used', async () => {
        await exchange(1, 2, at(10, 5));
        expect(await exchange(1, 3, at(15, 5))).toBe('rotated');
        expect(await exchange(1, 4, at(16, 5))).toBe('reused');
        expect(await vault.reusedSessions()).toEqual([{ id: 's', personId: 'ada' }]);
      });

      test('is another than the one before that', async () => {
        await exchange(1, 2, at(10, 5));
        await exchange(2, 3, at(11, 5));
        expect(await exchange(2, 4, at(12, 5))).toBe('rotated');
        expect(await exchange(1, 5, at(12, 5))).toBe('reused');
      });

      test('is of no use once the session has ended', async () => {
        await exchange(1, 2, at(10, 5));
        await vault.endSession('s', second(11));
        expect(await exchange(1, 3, at(12, 5))).toBe('unknown');
      });
    });

    describe(`a token that is used ${atOnce} times at once`, () => {
      beforeEach(() => vault.startSession(session('s')));

      const useAtOnce = (graceFrom: string | null) =>
        Promise.all(
          Array.from({ length: atOnce }, (_, index) => exchange(1, index + 2, { graceFrom })),
        );
      /** How many of the successors are taken, one after the other. */
      async function livingAfter(graceFrom: string | null) {
        let taken = 0;
        for (let index = 0; index < atOnce; index += 1) {
          const outcome = await exchange(index + 2, 100 + index, { graceFrom });
          if (outcome === 'rotated') taken += 1;
        }
        return taken;
      }

      test('is exchanged once, and its session has ended', async () => {
        const outcomes = await useAtOnce(null);
        expect(outcomes.toSorted()).toEqual([
          'reused',
          'rotated',
          ...Array(atOnce - 2).fill('unknown'),
        ]);
        expect(await livingAfter(null)).toBe(0);
      });

      test('within the grace is exchanged each time, for one that is valid at most', async () => {
        const graceFrom = day(2);
        expect(await useAtOnce(graceFrom)).toEqual(Array(atOnce).fill('rotated'));
        expect(await livingAfter(graceFrom)).toBeLessThanOrEqual(1);
      });

      test('within the grace leaves exactly one that is valid', async () => {
        await useAtOnce(day(2));
        const { sessions, total } = await vault.sessionsOf({
          personId: 'ada',
          at: day(2),
          limit: 9,
          offset: 0,
        });
        expect([sessions.length, total]).toEqual([1, 1]);
      });
    });

    describe('the sessions of a person', () => {
      const of = (personId: string, { at = day(3), limit = 9, offset = 0 } = {}) =>
        vault.sessionsOf({ personId, at, limit, offset });
      const idsOf = async (...args: Parameters<typeof of>) =>
        (await of(...args)).sessions.map(({ id }) => id);

      test('are those that go on, with what is told of them', async () => {
        await vault.startSession({ ...session('s'), device: 'sealed' });
        await vault.startSession(session('of-bob', 'bob'));
        const told = { id: 's', startedAt: day(1), expiresAt: day(8), device: 'sealed' };
        expect(await of('ada')).toEqual({ sessions: [{ ...told, usedAt: day(1) }], total: 1 });
        await vault.rotateSession(rotation('s', 1));
        const used = { ...told, usedAt: day(2), expiresAt: day(9) };
        expect(await of('ada')).toEqual({ sessions: [used], total: 1 });
        expect(await of('eve')).toEqual({ sessions: [], total: 0 });
      });

      test('are not those that have ended or expired', async () => {
        for (const id of ['s', 'ended', 'reused']) await vault.startSession(session(id));
        await vault.startSession({ ...session('expired'), expiresAt: day(2) });
        await vault.endSession('ended', day(2));
        await vault.rotateSession(rotation('reused', 1));
        await vault.rotateSession(rotation('reused', 1));
        expect(await of('ada')).toMatchObject({ sessions: [{ id: 's' }], total: 1 });
      });

      test('come a page at a time, the last used first', async () => {
        for (const id of ['a', 'b', 'c', 'd']) await vault.startSession(session(id));
        await vault.rotateSession(rotation('b', 1));
        expect(await idsOf('ada')).toEqual(['b', 'd', 'c', 'a']);
        expect(await idsOf('ada', { limit: 2, offset: 1 })).toEqual(['d', 'c']);
        expect((await of('ada', { limit: 2, offset: 9 })).total).toBe(4);
      });

      test('end one by one, by their owner only and once', async () => {
        for (const id of ['s', 'other']) await vault.startSession(session(id));
        expect(await vault.endSessionOf('bob', 's', day(3))).toBe(false);
        expect(await vault.endSessionOf('ada', 'unknown', day(3))).toBe(false);
        expect(await idsOf('ada')).toEqual(['s', 'other']);
        expect(await vault.endSessionOf('ada', 's', day(3))).toBe(true);
        expect(await vault.endSessionOf('ada', 's', day(4))).toBe(false);
        expect(await vault.endSessionOf('ada', 'other', day(9))).toBe(false);
        expect(await vault.sessionsEndedSince(day(3))).toEqual(['s']);
        expect(await exchange(1, 2)).toBe('unknown');
        expect(await vault.rotateSession(rotation('other', 1))).toMatchObject({
          outcome: 'rotated',
        });
      });
    });
  });
}
