// What the server itself has the log note of an account: what the vault has done already.
import type { ReusedSession, RememberedChange } from '../kernel/vault.ts';
import type { Commands } from './index.ts';

/** Nobody is signed in where a token is presented that was used before: the sessions themselves speak. */
export function noteTokenReuse({ users }: Commands) {
  return ({ id: sessionId, personId }: ReusedSession, commandId: string, requestId: string) => {
    const context = { actorId: 'sessions', correlationId: requestId, causationId: requestId };
    return users(personId, { type: 'NoteTokenReuse', sessionId }, { ...context, commandId });
  };
}

/** The person has done it, in a request of which no more is known when that was cut short. */
export function notePasswordChange({ users }: Commands) {
  return ({ personId }: RememberedChange, commandId: string, requestId: string) => {
    const context = { actorId: personId, correlationId: requestId, causationId: requestId };
    return users(personId, { type: 'NotePasswordChange' }, { ...context, commandId });
  };
}
