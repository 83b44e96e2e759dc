import type { Role } from '../events/users.ts';

/** Who wishes something, as far as a rule may care. */
export type Caller = { readonly id: string; readonly role: Role };

/** Whoever made a thing may change it; so may moderators and admins. */
export function mayChange(caller: Caller, ownerId: string): boolean {
  return caller.role !== 'user' || caller.id === ownerId;
}
