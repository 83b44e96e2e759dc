// Sessions live in the vault. The refresh token is 256 random bits, kept there only as a SHA-256;
// it rotates at each use, and a second use of one ends its session. Each use prolongs the session, to a limit.
import { type Keyring, UnknownPerson } from '../kernel/keyring.ts';
import type { Clock, NewId, Timestamp } from '../kernel/time.ts';
import {
  type LiveSession,
  type PasswordChange,
  repeatableSeconds,
  type SessionsAsked,
  type Vault,
} from '../kernel/vault.ts';
import { createRecent } from './recent.ts';
import { createRefreshTokens } from './refresh-tokens.ts';

export const accessTokenSeconds = 15 * 60;
const refreshTokenSeconds = 7 * 24 * 60 * 60;
const sessionSecondsMax = 30 * 24 * 60 * 60;
const deviceLengthMax = 200;
const idShape = /^[0-9a-f-]{36}$/;

export type OpenedSession = {
  readonly id: string;
  readonly personId: string;
  /** For the cookie: `session id . token . signature`. */
  readonly refreshToken: string;
  /** How long the refresh token lives. */
  readonly seconds: number;
};

export type Refreshed =
  | ({ readonly outcome: 'rotated' } & OpenedSession)
  | { readonly outcome: 'reused'; readonly personId: string; readonly id: string }
  | { readonly outcome: 'unknown' };

export type Beginning = {
  readonly personId: string;
  /** The hash that their password was found to match. */
  readonly verifiedHash: string;
  /** How what they sign in with calls itself. */
  readonly device: string;
};

export type ListedSession = Omit<LiveSession, 'device'> & {
  readonly startedWith: string | null;
};

export type SessionParts = {
  readonly vault: Vault;
  readonly clock: Clock;
  readonly newId: NewId;
  readonly keyring: Pick<Keyring, 'seal' | 'opener'>;
  /** The first signs, all verify. */
  readonly secrets: readonly string[];
  /** How long a token is taken that was exchanged, unless its successor was. */
  readonly graceSeconds: number;
};

export type Sessions = Awaited<ReturnType<typeof createSessions>>;

/** Reads which sessions ended while their access tokens may still be unexpired. */
export async function createSessions(parts: SessionParts) {
  const { vault, clock, newId, keyring, graceSeconds } = parts;
  const { issue, read } = createRefreshTokens(parts.secrets);
  const ended = createRecent<true>(accessTokenSeconds);
  const since = later(clock.now(), -accessTokenSeconds);
  for (const id of await vault.sessionsEndedSince(since)) ended.set(id, true);

  /** Undefined for somebody who is gone. */
  async function sealed(id: string, { personId, device }: Beginning) {
    const text = device
      .replaceAll(/[^ -~]/g, '')
      .slice(0, deviceLengthMax)
      .trim();
    if (text === '') return null;
    try {
      return await keyring.seal(personId, text, devicePlace(id));
    } catch (error) {
      if (error instanceof UnknownPerson) return undefined;
      throw error;
    }
  }

  return {
    /** Whether the session's access tokens have stopped working. */
    hasEnded: (id: string) => ended.get(id) === true,

    /** Other nodes have ended these. */
    noteEnded(ids: readonly string[]): void {
      for (const id of ids) if (!ended.get(id)) ended.set(id, true);
    },

    /** Undefined if the password has changed since it was found to match, or its owner is gone. */
    async start(beginning: Beginning): Promise<OpenedSession | undefined> {
      const { personId, verifiedHash } = beginning;
      const id = newId();
      const device = await sealed(id, beginning);
      if (device === undefined) return undefined;
      const { hash: refreshHash, refreshToken } = issue(id);
      const startedAt = clock.now();
      const expiresAt = later(startedAt, refreshTokenSeconds);
      const endsAt = later(startedAt, sessionSecondsMax);
      const session = { id, personId, refreshHash, startedAt, expiresAt, endsAt, device };
      if (!(await vault.startSession({ ...session, verifiedHash }))) return undefined;
      return { id, personId, refreshToken, seconds: secondsBetween(startedAt, expiresAt) };
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
        graceFrom: graceSeconds > 0 ? later(at, -graceSeconds) : null,
      });
      if (rotated.outcome === 'unknown') return rotated;
      const { outcome, personId } = rotated;
      if (outcome === 'reused') {
        ended.set(id, true);
        return { outcome, personId, id };
      }
      const seconds = secondsBetween(at, rotated.expiresAt);
      return { outcome, personId, id, refreshToken: next.refreshToken, seconds };
    },

    /** The session that a refresh token belongs to, without using the token. */
    idOf: (refreshToken: string) => read(refreshToken)?.id,

    async end(id: string): Promise<void> {
      ended.set(id, true);
      await vault.endSession(id, clock.now());
    },

    /** False unless it is a session of this person that goes on. */
    async endOf(personId: string, id: string): Promise<boolean> {
      if (!idShape.test(id)) return false;
      const hasEnded = await vault.endSessionOf(personId, id, clock.now());
      if (hasEnded) ended.set(id, true);
      return hasEnded;
    },

    /** Those that go on, the last used first. */
    async of(asked: Omit<SessionsAsked, 'at'>) {
      const { sessions, total } = await vault.sessionsOf({ ...asked, at: clock.now() });
      const open = await keyring.opener(sessions.flatMap(({ device }) => device ?? []));
      const listed = sessions.map(({ id, startedAt, usedAt, expiresAt, device }): ListedSession => {
        const opened = device === null ? null : open(device, devicePlace(id));
        const startedWith = typeof opened === 'string' ? opened : null;
        return { id, startedAt, usedAt, expiresAt, startedWith };
      });
      return { sessions: listed, total };
    },

    /**
     * Sets the password and ends every other session of the person; false, and nothing happens, if the
     * password has changed since it was verified.
     */
    async changePassword(change: Omit<PasswordChange, 'at' | 'expiresAt'>): Promise<boolean> {
      const at = clock.now();
      const expiresAt = later(at, repeatableSeconds);
      const others = await vault.changePassword({ ...change, at, expiresAt });
      for (const id of others ?? []) ended.set(id, true);
      return others !== undefined;
    },
  };
}

const devicePlace = (id: string) => `session/${id}/device`;

function later(time: Timestamp, seconds: number): Timestamp {
  return new Date(Date.parse(time) + seconds * 1_000).toISOString();
}

function secondsBetween(from: Timestamp, to: Timestamp): number {
  return Math.floor((Date.parse(to) - Date.parse(from)) / 1_000);
}
