import { describe, expect, test } from 'bun:test';
import type { UserEvent } from '../events/users.ts';
import { erased } from '../kernel/event.ts';
import { specify } from '../testing/decider-spec.ts';
import { normaliseEmail, user } from './users.ts';

const given = specify(user);

const register = { type: 'RegisterUser', email: 'Ada@Example.com', name: 'Ada' } as const;
const registered: UserEvent = {
  type: 'UserRegistered',
  data: { email: 'Ada@Example.com', name: 'Ada', role: 'user' },
};
const became = (role: 'user' | 'moderator' | 'admin', previousRole: typeof role): UserEvent => ({
  type: 'UserRoleChanged',
  data: { role, previousRole },
});
const change = (role: 'user' | 'moderator' | 'admin') =>
  ({ type: 'ChangeUserRole', userId: 'ada', role }) as const;
const seat = { kind: 'admin', value: 'ada', orElse: 'last-admin' } as const;

describe('registering a user', () => {
  test('records the address as it was given, and a role without rights', () => {
    given().when(register).thenEmits(registered);
  });

  test('claims the address, whatever its case, spelling or surrounding space', () => {
    const claims = (value: string) => ({
      take: [{ kind: 'email', value, orElse: 'email-taken' as const }],
    });
    given().when(register).thenClaims(claims('ada@example.com'));
    given()
      .when({ ...register, email: '  ANDRE\u0301@Example.com ' })
      .thenClaims(claims('andr\u00e9@example.com'));
  });

  test('is refused where there is somebody', () => {
    given(registered).when(register).thenRejected('user-exists');
  });
});

describe('renaming a user', () => {
  test('records the new name', () => {
    given(registered)
      .when({ type: 'RenameUser', name: 'Ada L.' })
      .thenEmits({ type: 'UserRenamed', data: { name: 'Ada L.' } });
  });

  test('to the present name changes nothing', () => {
    given(registered).when({ type: 'RenameUser', name: 'Ada' }).thenNothingHappens();
    given(registered, { type: 'UserRenamed', data: { name: 'Ada L.' } })
      .when({ type: 'RenameUser', name: 'Ada L.' })
      .thenNothingHappens();
  });

  test('is refused where there is nobody', () => {
    given().when({ type: 'RenameUser', name: 'Ada' }).thenRejected('user-unknown');
  });
});

describe('changing the role of a user', () => {
  test('records the old role beside the new one', () => {
    given(registered).when(change('moderator')).thenEmits(became('moderator', 'user'));
    given(registered, became('moderator', 'user'))
      .when(change('user'))
      .thenEmits(became('user', 'moderator'));
  });

  test('to the present role changes nothing', () => {
    given(registered).when(change('user')).thenNothingHappens();
  });

  test('to admin takes an admin seat', () => {
    given(registered)
      .when(change('admin'))
      .thenClaims({ take: [seat], release: [] });
  });

  test('from admin gives the seat back, unless it is the last', () => {
    given(registered, became('admin', 'user'))
      .when(change('moderator'))
      .thenClaims({ take: [], release: [seat] });
  });

  test('between other roles touches no seat', () => {
    given(registered).when(change('moderator')).thenClaims({ take: [], release: [] });
  });

  test('is refused where there is nobody', () => {
    given().when(change('admin')).thenRejected('user-unknown');
  });
});

describe('noting that a password was changed', () => {
  test('records that it was, each time, and nothing of the password', () => {
    const changed: UserEvent = { type: 'UserPasswordChanged', data: {} };
    given(registered).when({ type: 'NotePasswordChange' }).thenEmits(changed);
    given(registered, changed).when({ type: 'NotePasswordChange' }).thenEmits(changed);
  });

  test('leaves the user as they were', () => {
    given(registered)
      .when({ type: 'NotePasswordChange' })
      .thenStateIs({ status: 'registered', ...registered.data } as never);
  });

  test('is refused where there is nobody', () => {
    given().when({ type: 'NotePasswordChange' }).thenRejected('user-unknown');
  });
});

describe('noting that a refresh token was used twice', () => {
  const note = { type: 'NoteTokenReuse', sessionId: 's1' } as const;

  test('records in which session, and leaves the user as they were', () => {
    const reused: UserEvent = { type: 'RefreshTokenReused', data: { sessionId: 's1' } };
    given(registered).when(note).thenEmits(reused);
    given(registered)
      .when(note)
      .thenStateIs({ status: 'registered', ...registered.data } as never);
  });

  test('is refused where there is nobody', () => {
    given().when(note).thenRejected('user-unknown');
  });
});

describe('erasing a user', () => {
  const erase = { type: 'EraseUser', userId: 'ada' } as const;
  const gone: UserEvent = { type: 'UserErased', data: {} };
  const address = { kind: 'email', value: 'ada@example.com' } as const;

  test('records that they are gone, and nothing of them', () => {
    given(registered).when(erase).thenEmits(gone);
    given(registered).when(erase).thenStateIs({ status: 'erased' });
  });

  test('gives back the address', () => {
    given(registered)
      .when(erase)
      .thenClaims({ release: [address] });
  });

  test('gives back the seat of an admin, unless it is the last', () => {
    given(registered, became('admin', 'user'))
      .when(erase)
      .thenClaims({ release: [address, seat] });
  });

  test('leaves an address claimed that nobody can read any more', () => {
    const unreadable: UserEvent = {
      type: 'UserRegistered',
      data: { email: erased, name: erased, role: 'user' },
    };
    given(unreadable).when(erase).thenEmits(gone);
    given(unreadable).when(erase).thenClaims({ release: [] });
  });

  test('is refused where there is nobody, or nobody any more', () => {
    given().when(erase).thenRejected('user-unknown');
    given(registered, gone).when(erase).thenRejected('user-unknown');
  });

  test('is the end: nothing can happen to them any more, and their place is not taken', () => {
    const after = given(registered, gone);
    after.when({ type: 'RenameUser', name: 'Eve' }).thenRejected('user-unknown');
    after.when(change('admin')).thenRejected('user-unknown');
    after.when({ type: 'NotePasswordChange' }).thenRejected('user-unknown');
    after.when({ type: 'NoteTokenReuse', sessionId: 's1' }).thenRejected('user-unknown');
    after.when(register).thenRejected('user-exists');
  });
});

describe('a user whose name and address were erased', () => {
  const gone: UserEvent = {
    type: 'UserRegistered',
    data: { email: erased, name: erased, role: 'user' },
  };

  test('still has a role', () => {
    given(gone).when(change('moderator')).thenEmits(became('moderator', 'user'));
  });
});

describe('an address', () => {
  test('is one whatever its case, spelling or surrounding space', () => {
    const spellings = ['andré@example.com', 'ANDRÉ@example.com', ' andre\u0301@EXAMPLE.com\t'];
    expect(new Set(spellings.map(normaliseEmail)).size).toBe(1);
  });

  test('differs from one with another letter', () => {
    expect(normaliseEmail('andre@example.com')).not.toBe(normaliseEmail('andré@example.com'));
  });
});
