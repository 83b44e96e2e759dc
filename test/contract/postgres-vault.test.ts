// What two nodes do at once with one vault, in either order.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import postgres from 'postgres';
import type { Vault } from '../../src/kernel/vault.ts';
import { openPostgresStorage, type PostgresStorage } from '../../src/storage/postgres/storage.ts';
import { freshDatabase, type TestDatabase } from '../../src/testing/postgres.ts';

const rounds = 40;
const at = '2026-01-01T00:00:00.000Z';
const expiresAt = '2026-02-01T00:00:00.000Z';

let database: TestDatabase;
let nodes: readonly PostgresStorage[];
let one: Vault;
let other: Vault;

beforeEach(async () => {
  database = await freshDatabase();
  nodes = [await openPostgresStorage(database.url), await openPostgresStorage(database.url)];
  [one, other] = nodes.map(({ vault }) => vault) as [Vault, Vault];
});
afterEach(async () => {
  await Promise.all(nodes.map((node) => node.close()));
  await database.drop();
});

const addPerson = (personId: string) =>
  one.addPerson({ personId, keyId: `key-${personId}`, wrappedKey: 'w', passwordHash: 'old', at });

const sessionOf = (personId: string, id: string) => ({
  id,
  personId,
  refreshHash: `${id}-1`,
  startedAt: at,
  expiresAt,
  endsAt: expiresAt,
  device: null,
  verifiedHash: 'old',
});

const changeOf = (personId: string, to: { passwordHash: string; keepSession: string }) => ({
  ...to,
  personId,
  verifiedHash: 'old',
  at,
  id: `${personId} to ${to.passwordHash}`,
  command: undefined,
  expiresAt,
});

describe('at the same time', () => {
  test('a session starts and the password changes: no session of the old one is left', async () => {
    for (let round = 0; round < rounds; round += 1) {
      const personId = `person-${round}`;
      await addPerson(personId);
      const change = changeOf(personId, { passwordHash: 'new', keepSession: '-' });
      const [started, ended] = await Promise.all([
        one.startSession(sessionOf(personId, `s-${round}`)),
        other.changePassword(change),
      ]);
      expect(ended).toEqual(started ? [`s-${round}`] : []);
    }
  });

  test('a session starts slowly: the password changes after it, and ends it', async () => {
    await addPerson('ada');
    const sql = postgres(database.url, { max: 2, onnotice() {} });
    const [held, letGo] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    // A new session refers to its person, so it waits for this after it has looked at the password.
    const holding = sql.begin(async (transaction) => {
      await transaction`SELECT FROM vault.persons WHERE id = 'ada' FOR UPDATE`;
      held.resolve();
      await letGo.promise;
    });
    await held.promise;
    const started = one.startSession(sessionOf('ada', 's'));
    await lockWaiters(sql, 1);
    const change = changeOf('ada', { passwordHash: 'new', keepSession: '-' });
    const changed = other.changePassword(change);
    await Promise.race([changed, lockWaiters(sql, 2)]);
    letGo.resolve();
    await holding;
    expect([await started, await changed]).toEqual([true, ['s']]);
    await sql.end();
  });

  test('the password changes twice from the same one: once it does', async () => {
    await addPerson('ada');
    const changed = await Promise.all([
      one.changePassword(changeOf('ada', { passwordHash: 'first', keepSession: '-' })),
      other.changePassword(changeOf('ada', { passwordHash: 'second', keepSession: '-' })),
    ]);
    expect(changed.filter((ended) => ended !== undefined)).toHaveLength(1);
    expect(await one.unconfirmedPasswordChanges('9999')).toHaveLength(1);
  });

  test('a person goes and their password changes: neither holds the other up for good', async () => {
    for (let round = 0; round < rounds; round += 1) {
      const personId = `gone-${round}`;
      await addPerson(personId);
      await Promise.all([
        one.removePerson(personId),
        other.changePassword(changeOf(personId, { passwordHash: 'new', keepSession: '-' })),
      ]);
      expect(await one.passwordHashOf(personId)).toBeUndefined();
    }
    expect(await one.unconfirmedPasswordChanges('9999')).toEqual([]);
  });

  test('a refresh token is used twice: it is exchanged once, and its session ends', async () => {
    await addPerson('ada');
    for (let round = 0; round < rounds; round += 1) {
      const id = `s-${round}`;
      await one.startSession(sessionOf('ada', id));
      const rotation = { id, refreshHash: `${id}-1`, at, expiresAt, graceFrom: null };
      const outcomes = await Promise.all([
        one.rotateSession({ ...rotation, nextHash: `${id}-2` }),
        other.rotateSession({ ...rotation, nextHash: `${id}-3` }),
      ]);
      expect(outcomes.map(({ outcome }) => outcome).toSorted()).toEqual(['reused', 'rotated']);
      expect((await one.reusedSessions()).map((session) => session.id)).toContain(id);
    }
  });

  test('a refresh token is used twice within the grace: both get a successor, one of which is valid', async () => {
    await addPerson('ada');
    for (let round = 0; round < rounds; round += 1) {
      const id = `s-${round}`;
      await one.startSession(sessionOf('ada', id));
      const rotation = { id, refreshHash: `${id}-1`, at, expiresAt, graceFrom: at };
      const outcomes = await Promise.all([
        one.rotateSession({ ...rotation, nextHash: `${id}-2` }),
        other.rotateSession({ ...rotation, nextHash: `${id}-3` }),
      ]);
      expect(outcomes.map(({ outcome }) => outcome)).toEqual(['rotated', 'rotated']);
      const goOn = await Promise.all([
        one.rotateSession({ ...rotation, refreshHash: `${id}-2`, nextHash: `${id}-4` }),
        other.rotateSession({ ...rotation, refreshHash: `${id}-3`, nextHash: `${id}-5` }),
      ]);
      const ends = goOn.map(({ outcome }) => outcome);
      expect(ends.filter((outcome) => outcome === 'rotated').length).toBeLessThanOrEqual(1);
      expect(ends).toContain('reused');
    }
  });

  test('a secret is proposed by two: both get the same', async () => {
    for (let round = 0; round < rounds; round += 1) {
      const [first, second] = await Promise.all([
        one.secret(`name-${round}`, 'one'),
        other.secret(`name-${round}`, 'other'),
      ]);
      expect(first).toBe(second);
    }
  });
});

/** Until so many connections to this database wait for a lock of another. */
async function lockWaiters(sql: postgres.Sql, count: number) {
  for (;;) {
    const waiting = await sql`
      SELECT FROM pg_stat_activity
      WHERE datname = current_database() AND wait_event_type = 'Lock'`;
    if (waiting.length >= count) return;
  }
}
