// The port to what must be deletable and is never in the log: keys, credentials, sessions, and the
// answers kept for repeated requests. Small, mutable, precious.
import type { CommandIdentity } from './event-log.ts';
import type { Position } from './stream.ts';
import type { Timestamp } from './time.ts';

export type WrappedKey = {
  readonly keyId: string;
  readonly personId: string;
  readonly wrappedKey: string;
};

export type NewPerson = WrappedKey & {
  readonly passwordHash: string;
  readonly at: Timestamp;
};

export type Session = {
  readonly id: string;
  readonly personId: string;
  /** SHA-256 of the only refresh token that is valid now. */
  readonly refreshHash: string;
  readonly startedAt: Timestamp;
  /** Unless it is used before. */
  readonly expiresAt: Timestamp;
  /** However often it is used. */
  readonly endsAt: Timestamp;
  /** What it was started with, sealed under the key of its person. */
  readonly device: string | null;
};

/** A session that goes on. */
export type LiveSession = Pick<Session, 'id' | 'startedAt' | 'expiresAt' | 'device'> & {
  /** When its last refresh token was taken, or when it started. */
  readonly usedAt: Timestamp;
};

export type SessionsAsked = {
  readonly personId: string;
  readonly at: Timestamp;
  readonly limit: number;
  readonly offset: number;
};

/** Verifying takes so long that the password may change meanwhile. */
export type Verified = {
  /** The hash that the person's password was found to match. */
  readonly verifiedHash: string;
};

export type RememberedChange = {
  readonly id: string;
  readonly personId: string;
};

export type PasswordChange = Verified &
  RememberedChange & {
    readonly passwordHash: string;
    /** Undefined for one that cannot come again. */
    readonly command: CommandIdentity | undefined;
    readonly at: Timestamp;
    /** Until then it is remembered, and until it is confirmed. */
    readonly expiresAt: Timestamp;
    readonly keepSession: string;
  };

export type Rotation = {
  readonly id: string;
  readonly refreshHash: string;
  readonly nextHash: string;
  readonly at: Timestamp;
  /** Never later than when the session ends anyhow. */
  readonly expiresAt: Timestamp;
  /**
   * The token before the present one is taken too if it was exchanged at or after this, since that answer may have
   * been lost: what it was exchanged for is valid no more. Null: it is not.
   */
  readonly graceFrom: Timestamp | null;
};

export type RotationOutcome =
  | { readonly outcome: 'rotated'; readonly personId: string; readonly expiresAt: Timestamp }
  /** The token had been used before: the session is ended now, and it is remembered why. */
  | { readonly outcome: 'reused'; readonly personId: string }
  | { readonly outcome: 'unknown' };

export type ReusedSession = Pick<Session, 'id' | 'personId'>;

/** How long the same command may come again and is answered as the first time. */
export const repeatableSeconds = 24 * 60 * 60;

/** The first answer to a command, kept so that repeating the request gets it again. */
export type KeptAnswer = {
  readonly commandId: string;
  /** Whoever the answer tells about; erasing that person deletes it. */
  readonly personId: string | null;
  /** Keyed digest of the request, to notice the same key with another body. */
  readonly requestDigest: string;
  readonly sealed: string;
  readonly expiresAt: Timestamp;
};

/** A wrapping to be replaced, unless it has become another meanwhile. `id` is a person's, or a secret's name. */
export type Rewrap = { readonly id: string; readonly from: string; readonly to: string };

export type Vault = {
  /** A person starts unconfirmed; one whose stream was never written is removed later. */
  readonly addPerson: (person: NewPerson) => Promise<void>;
  readonly confirmPerson: (personId: string) => Promise<void>;
  /** Key, password, sessions and the answers about them, too. */
  readonly removePerson: (personId: string) => Promise<void>;
  /** Those who were added before a time and have not been confirmed. */
  readonly unconfirmedPersons: (before: Timestamp) => Promise<readonly string[]>;
  readonly keyOf: (personId: string) => Promise<WrappedKey | undefined>;
  readonly keysById: (keyIds: readonly string[]) => Promise<readonly WrappedKey[]>;

  readonly passwordHashOf: (personId: string) => Promise<string | undefined>;
  /**
   * Ends every session of the person but one, and answers the ids of those it ended; undefined, and
   * nothing happens, if the password is no longer the one that was verified, or the command has changed it
   * before. The change is remembered.
   */
  readonly changePassword: (change: PasswordChange) => Promise<readonly string[] | undefined>;

  /** What a command has changed, if that is remembered, and the command's fingerprint. */
  readonly passwordChangeBy: (
    commandId: string,
  ) => Promise<{ readonly id: string; readonly fingerprint: string } | undefined>;
  /** Those from before a time that have not been confirmed. */
  readonly unconfirmedPasswordChanges: (before: Timestamp) => Promise<readonly RememberedChange[]>;
  readonly confirmPasswordChange: (id: string) => Promise<void>;

  /** Replaces the hash by another of the same password; nothing happens if the password has changed. */
  readonly strengthenPassword: (
    change: Pick<PasswordChange, 'personId' | 'passwordHash' | 'verifiedHash'>,
  ) => Promise<void>;

  /** False, and there is no session, if the password is no longer the one that was verified. */
  readonly startSession: (session: Session & Verified) => Promise<boolean>;
  readonly rotateSession: (rotation: Rotation) => Promise<RotationOutcome>;
  readonly endSession: (id: string, at: Timestamp) => Promise<void>;
  /** False, and nothing happens, unless it is a session of this person that goes on. */
  readonly endSessionOf: (personId: string, id: string, at: Timestamp) => Promise<boolean>;
  /** The sessions of a person that go on, and how many there are; the last used come first. */
  readonly sessionsOf: (
    asked: SessionsAsked,
  ) => Promise<{ readonly sessions: readonly LiveSession[]; readonly total: number }>;
  /** Ids of the sessions that ended at or after a time: their access tokens may still be unexpired. */
  readonly sessionsEndedSince: (time: Timestamp) => Promise<readonly string[]>;
  /** Those that ended because a token came twice, until they are pruned. */
  readonly reusedSessions: () => Promise<readonly ReusedSession[]>;

  readonly answerTo: (commandId: string) => Promise<KeptAnswer | undefined>;
  /** Keeps the answer unless one is kept already, or its person is gone. */
  readonly keepAnswer: (answer: KeptAnswer) => Promise<void>;

  /** The secret of that name; `proposed` becomes it if there is none. */
  readonly secret: (name: string, proposed: string) => Promise<string>;
  /** Deletes what has expired. */
  readonly prune: (now: Timestamp) => Promise<void>;

  /** Everybody whom the log up to here says to be erased has been removed. */
  readonly erasedThrough: () => Promise<Position>;
  readonly setErasedThrough: (position: Position) => Promise<void>;
  /** Overwrites what was deleted or replaced, where an engine keeps files of its own; else does nothing. */
  readonly scrub: () => Promise<void>;

  /** Keys in the order of their persons' ids, those behind one of them. */
  readonly keysAfter: (personId: string, limit: number) => Promise<readonly WrappedKey[]>;
  readonly rewrapKeys: (rewraps: readonly Rewrap[]) => Promise<void>;
  readonly secrets: () => Promise<readonly { readonly name: string; readonly wrapped: string }[]>;
  readonly rewrapSecrets: (rewraps: readonly Rewrap[]) => Promise<void>;
};
