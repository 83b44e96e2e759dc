import { type Static, Type } from '@sinclair/typebox';
import { event, type EventOf, personal } from '../kernel/event.ts';
import { idOf, type StreamName, streamNamer } from '../kernel/stream.ts';

// Type names and fields below are stored for ever. To change one, see README.md in this folder.

export const userStream = streamNamer('user');

export const Role = Type.Union([
  Type.Literal('user'),
  Type.Literal('moderator'),
  Type.Literal('admin'),
]);
export type Role = Static<typeof Role>;

const person = ({ stream }: { readonly stream: StreamName }) => idOf(stream);

export const UserRegistered = event(
  'UserRegistered',
  { email: personal(Type.String()), name: personal(Type.String()), role: Role },
  { person },
);
export const UserRenamed = event('UserRenamed', { name: personal(Type.String()) }, { person });
export const UserRoleChanged = event('UserRoleChanged', { role: Role, previousRole: Role });
export const UserPasswordChanged = event('UserPasswordChanged', {});
/** Somebody has a copy of the user's refresh token; the session was ended. */
export const RefreshTokenReused = event('RefreshTokenReused', { sessionId: Type.String() });

/** The person's key, credentials and sessions are destroyed; what was sealed under the key is lost. */
export const UserErased = event('UserErased', {}, { erases: person });

export type UserEvent = EventOf<
  | typeof UserRegistered
  | typeof UserRenamed
  | typeof UserRoleChanged
  | typeof UserPasswordChanged
  | typeof RefreshTokenReused
  | typeof UserErased
>;
