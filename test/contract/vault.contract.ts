import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { logStart, type Position } from '../../src/kernel/stream.ts';
import type {
  KeptAnswer,
  NewPerson,
  PasswordChange,
  Rotation,
  Session,
  Vault,
  Verified,
} from '../../src/kernel/vault.ts';

export type OpenedVault = {
  readonly vault: Vault;
  readonly close: () => Promise<void> | void;
};

export const day = (number: number) => `2026-01-${String(number).padStart(2, '0')}T00:00:00.000Z`;

export const person = (personId: string): NewPerson => ({
  personId,
  keyId: `key-of-${personId}`,
  wrappedKey: `wrapped-for-${personId}`,
  passwordHash: `hash-of-${personId}`,
  at: day(1),
});

export const session = (id: string, personId = 'ada'): Session & Verified => ({
  verifiedHash: `hash-of-${personId}`,
  id,
  personId,
  refreshHash: `${id}-1`,
  startedAt: day(1),
  expiresAt: day(8),
  endsAt: day(12),
  device: null,
});

const changeOf = (personId: string, id = `change-of-${personId}`): PasswordChange => ({
  id,
  personId,
  command: undefined,
  passwordHash: `new-hash-of-${personId}`,
  verifiedHash: `hash-of-${personId}`,
  at: day(3),
  expiresAt: day(5),
  keepSession: 'none',
});

const answer = (commandId: string, personId: string | null): KeptAnswer => ({
  commandId,
  personId,
  requestDigest: `digest-of-${commandId}`,
  sealed: `sealed-${commandId}`,
  expiresAt: day(2),
});

export const rotation = (id: string, from: number, at = day(2)): Rotation => ({
  id,
  refreshHash: `${id}-${from}`,
  nextHash: `${id}-${from + 1}`,
  at,
  expiresAt: day(9),
  graceFrom: null,
});

/** What every vault promises; see src/kernel/vault.ts. */
export function vaultContract(engine: string, open: () => Promise<OpenedVault>) {
  describe(`the vault (${engine})`, () => {
    let vault: Vault;
    let close: OpenedVault['close'];

    beforeEach(async () => {
      ({ vault, close } = await open());
      await vault.addPerson(person('ada'));
      await vault.addPerson(person('bob'));
    });

    afterEach(() => close());

    const failureOf = (promise: Promise<unknown>) =>
      promise.then(
        () => undefined,
        (error: unknown) => error,
      );

    describe('a person', () => {
      test('has a key, found by the person and by its id', async () => {
        const key = { personId: 'ada', keyId: 'key-of-ada', wrappedKey: 'wrapped-for-ada' };
        expect(await vault.keyOf('ada')).toEqual(key);
        expect(await vault.keysById(['key-of-ada', 'key-of-nobody'])).toEqual([key]);
        expect(await vault.keysById(['key-of-bob', 'key-of-ada'])).toHaveLength(2);
        expect(await vault.keysById([])).toEqual([]);
      });

      test('has a password', async () => {
        expect(await vault.passwordHashOf('ada')).toBe('hash-of-ada');
      });

      test('is unconfirmed until it is confirmed', async () => {
        expect((await vault.unconfirmedPersons(day(30))).toSorted()).toEqual(['ada', 'bob']);
        await vault.confirmPerson('ada');
        expect(await vault.unconfirmedPersons(day(30))).toEqual(['bob']);
        await vault.confirmPerson('ada');
        expect(await vault.unconfirmedPersons(day(30))).toEqual(['bob']);
      });

      test('who has been added lately is not looked for', async () => {
        const { at } = person('ada');
        expect(await vault.unconfirmedPersons(at)).toEqual([]);
      });

      test('is added once, and a second attempt changes nothing', async () => {
        const again = { ...person('ada'), keyId: 'other', passwordHash: 'other' };
        expect(await failureOf(vault.addPerson(again))).toBeInstanceOf(Error);
        expect(await vault.passwordHashOf('ada')).toBe('hash-of-ada');
        expect((await vault.keyOf('ada'))?.keyId).toBe('key-of-ada');
      });

      test('who was never added has nothing', async () => {
        expect(await vault.keyOf('eve')).toBeUndefined();
        expect(await vault.passwordHashOf('eve')).toBeUndefined();
        await vault.confirmPerson('eve');
        await vault.removePerson('eve');
        expect(await vault.startSession(session('s', 'eve'))).toBe(false);
      });

      test('who is removed takes key, password, sessions and answers along', async () => {
        await vault.startSession(session('s'));
        await vault.endSession('s', day(2));
        await vault.keepAnswer(answer('c', 'ada'));
        await vault.removePerson('ada');
        expect(await vault.keyOf('ada')).toBeUndefined();
        expect(await vault.keysById(['key-of-ada'])).toEqual([]);
        expect(await vault.passwordHashOf('ada')).toBeUndefined();
        expect(await vault.sessionsEndedSince(day(1))).toEqual([]);
        expect(await vault.answerTo('c')).toBeUndefined();
        expect(await vault.rotateSession(rotation('s', 1))).toEqual({ outcome: 'unknown' });
        expect(await vault.passwordHashOf('bob')).toBe('hash-of-bob');
      });
    });

    describe('changing a password', () => {
      test('replaces the hash and ends every other session of the person', async () => {
        for (const id of ['kept', 'other', 'third']) await vault.startSession(session(id));
        await vault.startSession(session('of-bob', 'bob'));
        const ended = await vault.changePassword({
          ...changeOf('ada'),
          passwordHash: 'new',
          keepSession: 'kept',
        });
        expect(ended?.toSorted()).toEqual(['other', 'third']);
        expect(await vault.passwordHashOf('ada')).toBe('new');
        expect((await vault.sessionsEndedSince(day(3))).toSorted()).toEqual(['other', 'third']);
        for (const id of ['kept', 'of-bob']) {
          expect(await vault.rotateSession(rotation(id, 1))).toMatchObject({ outcome: 'rotated' });
        }
        expect(await vault.rotateSession(rotation('other', 1))).toEqual({ outcome: 'unknown' });
      });

      test('is for whoever knows the present one, and so is a session', async () => {
        await vault.startSession(session('s'));
        const [first, second] = ['first', 'second'].map((passwordHash) => ({
          ...changeOf('ada', `to the ${passwordHash}`),
          passwordHash,
        })) as [PasswordChange, PasswordChange];
        const changes = await Promise.all([
          vault.changePassword(first),
          vault.changePassword(second),
        ]);
        expect(changes).toEqual([['s'], undefined]);
        const remembered = await vault.unconfirmedPasswordChanges(day(4));
        expect(remembered).toEqual([{ id: 'to the first', personId: 'ada' }]);
        expect(await vault.passwordHashOf('ada')).toBe('first');
        expect(await vault.startSession(session('late'))).toBe(false);
        expect(await vault.rotateSession(rotation('late', 1))).toEqual({ outcome: 'unknown' });
        expect(await vault.startSession({ ...session('new'), verifiedHash: 'first' })).toBe(true);
      });

      test('is remembered with its command until it is confirmed and has expired, or its person is gone', async () => {
        const command = { commandId: 'command', fingerprint: 'print' };
        await vault.changePassword({ ...changeOf('ada', 'one'), command });
        await vault.changePassword({ ...changeOf('bob', 'two'), at: day(4) });
        const [one, two] = [
          { id: 'one', personId: 'ada' },
          { id: 'two', personId: 'bob' },
        ];
        expect(await vault.passwordChangeBy('command')).toEqual({
          id: 'one',
          fingerprint: 'print',
        });
        expect(await vault.passwordChangeBy('another')).toBeUndefined();
        const again = { ...changeOf('ada', 'once more'), verifiedHash: 'new-hash-of-ada', command };
        expect(await vault.changePassword({ ...again, passwordHash: 'x' })).toBeUndefined();
        expect(await vault.passwordHashOf('ada')).toBe('new-hash-of-ada');
        expect(await vault.unconfirmedPasswordChanges(day(3))).toEqual([]);
        expect(await vault.unconfirmedPasswordChanges(day(4))).toEqual([one!]);
        expect(await vault.unconfirmedPasswordChanges(day(5))).toEqual([one!, two!]);
        await vault.prune(day(9));
        await vault.confirmPasswordChange('one');
        expect(await vault.unconfirmedPasswordChanges(day(5))).toEqual([two!]);
        await vault.prune(day(5));
        expect(await vault.passwordChangeBy('command')).toBeDefined();
        await vault.prune(day(6));
        expect(await vault.passwordChangeBy('command')).toBeUndefined();
        await vault.removePerson('bob');
        expect(await vault.unconfirmedPasswordChanges(day(5))).toEqual([]);
      });

      test('to a stronger hash of the same one ends no session', async () => {
        await vault.startSession(session('s'));
        const strengthened = {
          personId: 'ada',
          passwordHash: 'stronger',
          verifiedHash: 'hash-of-ada',
        };
        await vault.strengthenPassword(strengthened);
        await vault.strengthenPassword({ ...strengthened, passwordHash: 'late' });
        expect(await vault.passwordHashOf('ada')).toBe('stronger');
        expect(await vault.passwordHashOf('bob')).toBe('hash-of-bob');
        expect(await vault.sessionsEndedSince(day(1))).toEqual([]);
        expect(await vault.rotateSession(rotation('s', 1))).toMatchObject({ outcome: 'rotated' });
      });

      test('does not end again what has ended', async () => {
        await vault.startSession(session('s'));
        await vault.endSession('s', day(2));
        expect(await vault.changePassword(changeOf('ada'))).toEqual([]);
        expect(await vault.sessionsEndedSince(day(3))).toEqual([]);
      });
    });

    describe('a session', () => {
      beforeEach(() => vault.startSession(session('s')));

      test('goes on with each new token', async () => {
        const rotated = { outcome: 'rotated', personId: 'ada', expiresAt: day(9) } as const;
        expect(await vault.rotateSession(rotation('s', 1))).toEqual(rotated);
        expect(await vault.rotateSession(rotation('s', 2))).toEqual(rotated);
      });

      test('ends when a token comes a second time, for the newest token too', async () => {
        await vault.rotateSession(rotation('s', 1));
        const reused = await vault.rotateSession(rotation('s', 1, day(3)));
        expect(reused).toEqual({ outcome: 'reused', personId: 'ada' });
        expect(await vault.rotateSession(rotation('s', 2))).toEqual({ outcome: 'unknown' });
        expect(await vault.sessionsEndedSince(day(3))).toEqual(['s']);
      });

      test('that ended so is remembered as such, until it is pruned', async () => {
        await vault.startSession(session('signed-out', 'bob'));
        await vault.endSession('signed-out', day(2));
        expect(await vault.reusedSessions()).toEqual([]);
        await vault.rotateSession(rotation('s', 1));
        await vault.rotateSession(rotation('s', 1, day(3)));
        expect(await vault.reusedSessions()).toEqual([{ id: 's', personId: 'ada' }]);
        await vault.prune(day(9));
        expect(await vault.reusedSessions()).toHaveLength(1);
        await vault.prune(day(10));
        expect(await vault.reusedSessions()).toEqual([]);
      });

      test('lets one of two simultaneous uses of a token through', async () => {
        const use = () => vault.rotateSession(rotation('s', 1));
        const outcomes = (await Promise.all([use(), use()])).map(({ outcome }) => outcome);
        expect(outcomes).toEqual(['rotated', 'reused']);
      });

      test('is unknown once it has expired, and its life is prolonged by each use', async () => {
        expect(await vault.rotateSession(rotation('s', 1, day(7)))).toMatchObject({
          outcome: 'rotated',
        });
        expect(await vault.rotateSession(rotation('s', 2, day(9)))).toMatchObject({
          outcome: 'rotated',
        });
        expect(await vault.rotateSession(rotation('s', 3, day(10)))).toEqual({
          outcome: 'unknown',
        });
      });

      test('is unknown under another id', async () => {
        expect(await vault.rotateSession(rotation('t', 1))).toEqual({ outcome: 'unknown' });
      });

      test('that has ended is told about from that time on, and keeps its first end', async () => {
        await vault.endSession('s', day(4));
        await vault.endSession('s', day(6));
        expect(await vault.sessionsEndedSince(day(4))).toEqual(['s']);
        expect(await vault.sessionsEndedSince(day(5))).toEqual([]);
        expect(await vault.rotateSession(rotation('s', 1))).toEqual({ outcome: 'unknown' });
      });
    });

    describe('a kept answer', () => {
      test('is the first one given', async () => {
        await vault.keepAnswer(answer('c', 'ada'));
        await vault.keepAnswer({ ...answer('c', 'bob'), sealed: 'another' });
        expect(await vault.answerTo('c')).toEqual(answer('c', 'ada'));
        expect(await vault.answerTo('d')).toBeUndefined();
      });

      test('may be about nobody', async () => {
        await vault.keepAnswer(answer('c', null));
        await vault.removePerson('ada');
        expect(await vault.answerTo('c')).toEqual(answer('c', null));
      });
    });

    describe('who is erased', () => {
      test('is known up to a position of the log, which may go back', async () => {
        expect(await vault.erasedThrough()).toBe(logStart);
        for (const position of [7, 3] as Position[]) {
          await vault.setErasedThrough(position);
          expect(await vault.erasedThrough()).toBe(position);
        }
      });

      test('is told of no answer that comes too late', async () => {
        await vault.removePerson('ada');
        await vault.keepAnswer(answer('late', 'ada'));
        expect(await vault.answerTo('late')).toBeUndefined();
      });

      test('may be removed while an answer is kept, in either order', async () => {
        await Promise.all([vault.keepAnswer(answer('c', 'ada')), vault.removePerson('ada')]);
        expect(await vault.answerTo('c')).toBeUndefined();
      });

      test('leaves a vault that works on once it has been scrubbed', async () => {
        await vault.removePerson('ada');
        await vault.scrub();
        await vault.scrub();
        expect(await vault.passwordHashOf('bob')).toBe('hash-of-bob');
        await vault.addPerson(person('ada'));
        expect(await vault.passwordHashOf('ada')).toBe('hash-of-ada');
      });
    });

    describe('wrapped keys', () => {
      test('come in the order of their persons, in parts', async () => {
        await vault.addPerson(person('eve'));
        const idsAfter = async (id: string, limit: number) =>
          (await vault.keysAfter(id, limit)).map(({ personId }) => personId);
        expect(await idsAfter('', 2)).toEqual(['ada', 'bob']);
        expect(await idsAfter('bob', 2)).toEqual(['eve']);
        expect((await vault.keysAfter('', 1))[0]).toEqual((await vault.keyOf('ada'))!);
      });

      test('are replaced unless they have become others meanwhile', async () => {
        await vault.rewrapKeys([
          { id: 'ada', from: 'wrapped-for-ada', to: 'anew' },
          { id: 'bob', from: 'something else', to: 'anew' },
          { id: 'nobody', from: 'wrapped-for-nobody', to: 'anew' },
        ]);
        expect((await vault.keyOf('ada'))?.wrappedKey).toBe('anew');
        expect((await vault.keyOf('bob'))?.wrappedKey).toBe('wrapped-for-bob');
        expect(await vault.keyOf('nobody')).toBeUndefined();
      });

      test('and so are secrets', async () => {
        for (const name of ['one', 'other']) await vault.secret(name, `wrapped-${name}`);
        await vault.rewrapSecrets([
          { id: 'one', from: 'wrapped-one', to: 'anew' },
          { id: 'other', from: 'something else', to: 'anew' },
        ]);
        expect(await vault.secrets()).toEqual([
          { name: 'one', wrapped: 'anew' },
          { name: 'other', wrapped: 'wrapped-other' },
        ]);
      });
    });

    test('a secret is what was proposed first', async () => {
      expect(await vault.secret('digest', 'first')).toBe('first');
      expect(await vault.secret('digest', 'second')).toBe('first');
      expect(await vault.secret('other', 'second')).toBe('second');
    });

    test('pruning deletes expired answers and sessions, and nothing else', async () => {
      await vault.keepAnswer(answer('old', 'ada'));
      await vault.keepAnswer({ ...answer('new', null), expiresAt: day(20) });
      await vault.startSession(session('old'));
      await vault.startSession({ ...session('new'), expiresAt: day(20) });
      for (const id of ['old', 'new']) await vault.endSession(id, day(3));
      await vault.secret('digest', 'first');
      await vault.prune(day(10));
      expect(await vault.answerTo('old')).toBeUndefined();
      expect(await vault.answerTo('new')).toBeDefined();
      expect(await vault.sessionsEndedSince(day(1))).toEqual(['new']);
      expect(await vault.passwordHashOf('ada')).toBe('hash-of-ada');
      expect(await vault.secret('digest', 'second')).toBe('first');
    });

    test('an operation that fails spoils none that is made with it', async () => {
      const outcomes = await Promise.all([
        failureOf(vault.startSession(session('s'))),
        failureOf(vault.addPerson(person('ada'))),
        failureOf(vault.confirmPerson('ada')),
      ]);
      expect(outcomes.map((one) => one === undefined)).toEqual([true, false, true]);
      expect(await vault.unconfirmedPersons(day(30))).toEqual(['bob']);
      expect(await vault.rotateSession(rotation('s', 1))).toMatchObject({ outcome: 'rotated' });
    });
  });
}
