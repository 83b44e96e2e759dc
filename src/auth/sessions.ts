// Sessions live in the vault. The refresh token is 256 random bits, kept there only as a SHA-256;
// it rotates at each use, and a second use of one ends its session.
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Clock, NewId } from '../kernel/time.ts';
import type { PasswordChange, Vault } from '../kernel/vault.ts';

export const accessTokenSeconds = 15 * 60;
export const refreshTokenSeconds = 7 * 24 * 60 * 60;

export type OpenedSession = {
  readonly id: string;
  readonly personId: string;
  /** For the cookie: `session id . token . signature`. */
  readonly refreshToken: string;
};

export type Refreshed =
  | ({ readonly outcome: 'rotated' } & OpenedSession)
  | { readonly outcome: 'reused'; readonly personId: string; readonly id: string }
  | { readonly outcome: 'unknown' };

export type SessionParts = {
  readonly vault: Vault;
  readonly clock: Clock;
  readonly newId: NewId;
  /** The first signs, all verify. */
  readonly secrets: readonly string[];
};

export type Sessions = Awaited<ReturnType<typeof createSessions>>;

/** Reads which sessions ended while their access tokens may still be unexpired. */
export async function createSessions({ vault, clock, newId, secrets }: SessionParts) {
  const since = later(clock.now(), -accessTokenSeconds);
  const ended = new Set(await vault.sessionsEndedSince(since));

  function sign(unsigned: string, secret = secrets[0] ?? ''): string {
    return createHmac('sha256', secret).update(unsigned).digest('base64url');
  }

  function issue(id: string) {
    const token = randomBytes(32).toString('base64url');
    const unsigned = `${id}.${token}`;
    return { hash: sha256(token), refreshToken: `${unsigned}.${sign(unsigned)}` };
  }

  function read(refreshToken: string): { id: string; hash: string } | undefined {
    const [id, token, signature] = refreshToken.split('.');
    if (!id || !token || !signature) return undefined;
    const isSigned = secrets.some((secret) => isSame(sign(`${id}.${token}`, secret), signature));
    return isSigned ? { id, hash: sha256(token) } : undefined;
  }

  return {
    /** Whether the session's access tokens have stopped working. */
    hasEnded: (id: string) => ended.has(id),

    /** Other nodes have ended these. */
    noteEnded(ids: readonly string[]): void {
      for (const id of ids) ended.add(id);
    },

    /** Undefined if the password has changed since it was found to match `verifiedHash`. */
    async start(personId: string, verifiedHash: string): Promise<OpenedSession | undefined> {
      const id = newId();
      const { hash, refreshToken } = issue(id);
      const startedAt = clock.now();
      const expiresAt = later(startedAt, refreshTokenSeconds);
      const session = { id, personId, refreshHash: hash, startedAt, expiresAt, verifiedHash };
      return (await vault.startSession(session)) ? { id, personId, refreshToken } : undefined;
    },

    async refresh(refreshToken: string): Promise<Refreshed> {
      const presented = read(refreshToken);
      if (!presented) return { outcome: 'unknown' };
      const { id } = presented;
      const next = issue(id);
      const at = clock.now();
      const rotated = await vault.rotateSession({
        id,
        refreshHash: presented.hash,
        nextHash: next.hash,
        at,
        expiresAt: later(at, refreshTokenSeconds),
      });
      if (rotated.outcome === 'unknown') return rotated;
      if (rotated.outcome === 'reused') {
        ended.add(id);
        return { ...rotated, id };
      }
      return { ...rotated, id, refreshToken: next.refreshToken };
    },

    /** The session that a refresh token belongs to, without using the token. */
    idOf: (refreshToken: string) => read(refreshToken)?.id,

    async end(id: string): Promise<void> {
      ended.add(id);
      await vault.endSession(id, clock.now());
    },

    /**
     * Sets the password and ends every other session of the person; false, and nothing happens, if the
     * password has changed since it was verified.
     */
    async changePassword(change: Omit<PasswordChange, 'at'>): Promise<boolean> {
      const others = await vault.changePassword({ ...change, at: clock.now() });
      for (const id of others ?? []) ended.add(id);
      return others !== undefined;
    },
  };
}

function sha256(token: string): string {
  return createHash('sha256').update(token).digest('base64url');
}

function isSame(expected: string, actual: string): boolean {
  const [a, b] = [Buffer.from(expected), Buffer.from(actual)];
  return a.length === b.length && timingSafeEqual(a, b);
}

function later(time: string, seconds: number): string {
  return new Date(Date.parse(time) + seconds * 1_000).toISOString();
}
