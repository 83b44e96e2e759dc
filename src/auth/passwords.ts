import { argon2 } from 'node:crypto';
import { promisify } from 'node:util';
import pLimit from 'p-limit';
import { Overloaded } from '../kernel/group-commit.ts';

/** OWASP's floor for Argon2id: 19 MiB, two passes, one lane. When it rises, hashes rise at the next sign-in. */
const argon2id = { algorithm: 'argon2id', memoryCost: 19_456, timeCost: 2 } as const;
const concurrencyMax = 2;
/** A second's work or two: whoever came later would wait longer than is of use. */
const waitingMax = 64;

const derive = promisify(argon2);

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

  const hashed = (password: string) => Bun.password.hash(password.normalize('NFC'), argon2id);

  return {
    /** How many hashes are being computed, how many wait, and how many were refused since the start. */
    load: () => ({ running: limit.activeCount, waiting: limit.pendingCount, shed }),

    /** @throws Overloaded when too many wait for a hash. */
    hash: async (password: string) => run(() => hashed(password)),

    /**
     * Stands for a text with a password in it where it must be told again, and is as hard to guess by as a hash.
     * @throws Overloaded when too many wait for a hash.
     */
    fingerprint: async (text: string, salt: string) => run(() => fingerprintOf(text, salt)),

    /** A stronger hash for one that is weaker than new ones are; undefined while others wait. */
    async strengthened(password: string, hash: string): Promise<string | undefined> {
      if (!isWeaker(hash) || limit.pendingCount > 0) return undefined;
      return await run(() => hashed(password));
    },

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

async function fingerprintOf(text: string, salt: string): Promise<string> {
  const { algorithm, memoryCost: memory, timeCost: passes } = argon2id;
  const given = { message: text, nonce: salt, memory, passes, parallelism: 1, tagLength: 32 };
  return Buffer.from(await derive(algorithm, given)).toString('base64url');
}

/** Than `argon2id` above, in any of its numbers. */
function isWeaker(hash: string): boolean {
  const [, memory, time] = /^\$argon2id\$v=\d+\$m=(\d+),t=(\d+),p=\d+\$/.exec(hash) ?? [];
  if (memory === undefined || time === undefined) return true;
  return Number(memory) < argon2id.memoryCost || Number(time) < argon2id.timeCost;
}
