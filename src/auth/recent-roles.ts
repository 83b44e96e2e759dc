// Roles that changed while access tokens with the old one may still be unexpired.
import type { Position } from '../kernel/stream.ts';
import { createRecent } from './recent.ts';
import { accessTokenSeconds } from './sessions.ts';

export type RecentRoles<Role> = {
  /** Undefined: the one in the token is the newest. */
  readonly of: (userId: string) => Role | undefined;
  /** A change of role that stands in the log; of several of one person the newest counts. */
  readonly note: (userId: string, role: Role, position: Position) => void;
};

export function createRecentRoles<Role>(): RecentRoles<Role> {
  const roles = createRecent<{ readonly role: Role; readonly position: Position }>(
    accessTokenSeconds,
  );
  return {
    of: (userId) => roles.get(userId)?.role,
    note(userId, role, position) {
      if ((roles.get(userId)?.position ?? 0) < position) roles.set(userId, { role, position });
    },
  };
}
