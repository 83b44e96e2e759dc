import type { Role, UserEvent } from '../events/users.ts';
import { accept, type Decider, type Decision, reject } from '../kernel/decider.ts';
import { type Personal, reveal } from '../kernel/event.ts';

type RegisterUser = { type: 'RegisterUser'; email: string; name: string };
type RenameUser = { type: 'RenameUser'; name: string };
type ChangeUserRole = { type: 'ChangeUserRole'; userId: string; role: Role };
type NotePasswordChange = { type: 'NotePasswordChange' };
/** `userId` is whose stream it is. */
type EraseUser = { type: 'EraseUser'; userId: string };
type NoteTokenReuse = { type: 'NoteTokenReuse'; sessionId: string };

export type UserCommand = Readonly<
  RegisterUser | RenameUser | ChangeUserRole | NotePasswordChange | NoteTokenReuse | EraseUser
>;

export type UserRejection = 'user-unknown' | 'user-exists' | 'email-taken' | 'last-admin';

export type User =
  | { readonly status: 'unknown' }
  | { readonly status: 'erased' }
  | {
      readonly status: 'registered';
      readonly email: Personal;
      readonly name: Personal;
      readonly role: Role;
    };

type Registered = Extract<User, { status: 'registered' }>;
type UserDecision = Decision<UserEvent, UserRejection>;

/** Equal values are one address, whatever their case. */
export function normaliseEmail(email: string): string {
  return email.trim().normalize('NFC').toLowerCase();
}

export const user: Decider<User, UserCommand, UserEvent, UserRejection> = {
  initialState: { status: 'unknown' },

  evolve: (state, event) => {
    if (event.type === 'UserRegistered') return { status: 'registered', ...event.data };
    if (state.status !== 'registered') return state;
    switch (event.type) {
      case 'UserRenamed':
        return { ...state, name: event.data.name };
      case 'UserRoleChanged':
        return { ...state, role: event.data.role };
      case 'UserPasswordChanged':
      case 'RefreshTokenReused':
        return state;
      case 'UserErased':
        return { status: 'erased' };
    }
  },

  decide: (command, state) => {
    if (command.type === 'RegisterUser') return register(command, state);
    if (state.status !== 'registered') return reject('user-unknown');
    switch (command.type) {
      case 'RenameUser':
        return rename(command, state);
      case 'ChangeUserRole':
        return changeRole(command, state);
      case 'NotePasswordChange':
        return accept({ type: 'UserPasswordChanged', data: {} });
      case 'NoteTokenReuse':
        return accept({ type: 'RefreshTokenReused', data: { sessionId: command.sessionId } });
      case 'EraseUser':
        return eraseUser(command, state);
    }
  },
};

function register({ email, name }: RegisterUser, state: User): UserDecision {
  if (state.status !== 'unknown') return reject('user-exists');
  return {
    ...accept<UserEvent>({ type: 'UserRegistered', data: { email, name, role: 'user' } }),
    claims: { take: [{ ...emailClaim(email), orElse: 'email-taken' }] },
  };
}

function rename({ name }: RenameUser, state: Registered): UserDecision {
  if (name === reveal(state.name)) return accept();
  return accept({ type: 'UserRenamed', data: { name } });
}

/** Admins hold a claim of kind `admin`, so that the log itself refuses to lose the last one. */
function changeRole({ userId, role }: ChangeUserRole, state: Registered): UserDecision {
  const { role: previousRole } = state;
  if (role === previousRole) return accept();
  const seat = adminSeat(userId);
  return {
    ...accept<UserEvent>({ type: 'UserRoleChanged', data: { role, previousRole } }),
    claims: {
      take: role === 'admin' ? [seat] : [],
      release: previousRole === 'admin' ? [seat] : [],
    },
  };
}

/** The address is free again, unless nobody can read it any more to tell which it was. */
function eraseUser({ userId }: EraseUser, { email, role }: Registered): UserDecision {
  const address = typeof email === 'string' ? [emailClaim(email)] : [];
  const seat = role === 'admin' ? [adminSeat(userId)] : [];
  return {
    ...accept<UserEvent>({ type: 'UserErased', data: {} }),
    claims: { release: [...address, ...seat] },
  };
}

function adminSeat(userId: string) {
  return { kind: 'admin', value: userId, orElse: 'last-admin' } as const;
}

function emailClaim(email: string) {
  return { kind: 'email', value: normaliseEmail(email) } as const;
}
