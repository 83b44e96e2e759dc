// From a password to a session. The hash may change while it is verified: by a change of password, or
// because another sign-in of the same moment has made it stronger.
import type { Vault } from '../kernel/vault.ts';
import type { Passwords } from './passwords.ts';
import type { OpenedSession, Sessions } from './sessions.ts';

/** Once for the hash that was found first, and once for what has taken its place. */
const attemptsMax = 2;

export type SignIn = ReturnType<typeof createSignIn>;

export function createSignIn(parts: {
  readonly vault: Pick<Vault, 'passwordHashOf' | 'strengthenPassword'>;
  readonly passwords: Pick<Passwords, 'matches' | 'strengthened'>;
  readonly sessions: Pick<Sessions, 'start'>;
}) {
  const { vault, passwords, sessions } = parts;

  /**
   * @param device What the client calls itself.
   * Undefined if the password is wrong or nobody is called so (`personId` undefined), which takes as long.
   * @throws Overloaded when too many wait for a hash.
   */
  return async function signIn(
    personId: string | undefined,
    password: string,
    device: string,
  ): Promise<OpenedSession | undefined> {
    for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
      const hash = personId && (await vault.passwordHashOf(personId));
      const isMatch = await passwords.matches(password, hash);
      if (!isMatch || !personId || !hash) return undefined;
      const session = await sessions.start({ personId, verifiedHash: hash, device });
      if (!session) continue;
      const stronger = await passwords.strengthened(password, hash);
      if (stronger) {
        const change = { personId, passwordHash: stronger, verifiedHash: hash };
        await vault.strengthenPassword(change);
      }
      return session;
    }
    return undefined;
  };
}
