import { describe, expect, test } from 'bun:test';
import { type UserEvent, userStream } from '../events/users.ts';
import { rowsAfter } from '../testing/projection-spec.ts';
import { users, usersProjection } from './users.ts';

const day = (number: number) => `2026-01-0${number}T00:00:00.000Z`;

const registered: UserEvent = {
  type: 'UserRegistered',
  data: { email: 'Ada@Example.com', name: 'Ada', role: 'user' },
};

/** What happens to one user, an event a day. */
const rows = (...events: readonly UserEvent[]) =>
  rowsAfter(
    usersProjection,
    users,
    events.map((event, index) => ({ stream: userStream('u1'), event, time: day(index + 1) })),
  );

describe('a user among the rows', () => {
  test('is who registered', async () => {
    expect(await rows(registered)).toEqual([
      {
        id: 'u1',
        email: 'Ada@Example.com',
        name: 'Ada',
        role: 'user',
        search_email: 'ada@example.com',
        search_name: 'ada',
        version: 1,
        position: 1,
        created_at: day(1),
        updated_at: day(1),
      },
    ]);
  });

  test('has the new name once renamed, and is found by it', async () => {
    expect(await rows(registered, { type: 'UserRenamed', data: { name: 'ADA L.' } })).toEqual([
      expect.objectContaining({
        email: 'Ada@Example.com',
        name: 'ADA L.',
        search_name: 'ada l.',
        version: 2,
        position: 1,
        created_at: day(1),
        updated_at: day(2),
      }),
    ]);
  });

  test('has the new role once it is changed', async () => {
    const data = { role: 'admin', previousRole: 'user' } as const;
    expect(await rows(registered, { type: 'UserRoleChanged', data })).toEqual([
      expect.objectContaining({ role: 'admin', name: 'Ada', version: 2, updated_at: day(2) }),
    ]);
  });

  test('counts a changed password as a version, and keeps nothing of it', async () => {
    const [before] = await rows(registered);
    const [after] = await rows(registered, { type: 'UserPasswordChanged', data: {} });
    expect(after).toEqual({ ...before, version: 2, updated_at: day(2) });
  });

  test('counts a refresh token that was used twice as a version', async () => {
    const [before] = await rows(registered);
    const event: UserEvent = { type: 'RefreshTokenReused', data: { sessionId: 's' } };
    expect(await rows(registered, event)).toEqual([{ ...before, version: 2, updated_at: day(2) }]);
  });

  test('is none any more once they are erased', async () => {
    expect(await rows(registered, { type: 'UserErased', data: {} })).toEqual([]);
  });
});
