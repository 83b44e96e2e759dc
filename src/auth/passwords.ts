import pLimit from 'p-limit';
import { Overloaded } from '../kernel/group-commit.ts';

/** OWASP's floor for Argon2id: 19 MiB, two passes, one lane. */
const argon2id = { algorithm: 'argon2id', memoryCost: 19_456, timeCost: 2 } as const;
const concurrencyMax = 2;
const waitingMax = 100;

export type Passwords = ReturnType<typeof createPasswords>;

/** Hashing takes a core and 19 MiB for tens of milliseconds, so only a few run at a time. */
export function createPasswords() {
  const limit = pLimit(concurrencyMax);
  let shed = 0;
  const unknown = limit(() => Bun.password.hash(crypto.randomUUID(), argon2id));

  function run<Result>(work: () => Promise<Result>): Promise<Result> {
    if (limit.pendingCount < waitingMax) return limit(work);
    shed += 1;
    throw new Overloaded(limit.pendingCount);
  }

  return {
    /** How many hashes are being computed, how many wait, and how many were refused since the start. */
    load: () => ({ running: limit.activeCount, waiting: limit.pendingCount, shed }),

    /** @throws Overloaded when too many wait for a hash. */
    hash: async (password: string) =>
      run(() => Bun.password.hash(password.normalize('NFC'), argon2id)),

    /**
     * Takes as long for an unknown account (`hash` undefined) as for a wrong password.
     * @throws Overloaded when too many wait for a hash.
     */
    async matches(password: string, hash: string | undefined): Promise<boolean> {
      const against = hash ?? (await unknown);
      const isMatch = await run(() => Bun.password.verify(password.normalize('NFC'), against));
      return isMatch && hash !== undefined;
    },
  };
}
