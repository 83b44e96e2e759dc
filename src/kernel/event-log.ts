// The port that every engine (memory, SQLite, PostgreSQL) fills. An engine stores opaque text and
// promises: contiguous positions in commit order, versions without gaps, expectations really
// enforced, all of one append or nothing, and durability before the answer.
import type { Position, StreamName, Version } from './stream.ts';
import type { Timestamp } from './time.ts';

/** What the writer believes of a stream: its version, that it has none or some events, or nothing. */
export type ExpectedVersion = Version | 'none' | 'exists' | 'any';

export type NewEvent = {
  readonly id: string;
  readonly type: string;
  readonly schemaVersion: number;
  /** JSON text, personal fields already sealed. */
  readonly data: string;
};

/** A write without events only checks the version of its stream. */
export type Write = {
  readonly stream: StreamName;
  readonly expected: ExpectedVersion;
  readonly events: readonly NewEvent[];
};

/** A name that one stream holds at a time. `key` is a keyed digest: never plaintext. */
export type Claim = { readonly kind: string; readonly key: string; readonly stream: StreamName };

/** `keepsOne` refuses to release the last claim of its kind. */
export type Release = Claim & { readonly keepsOne: boolean };

/** A command that may come again, for the log and the vault to recognise. */
export type CommandIdentity = {
  readonly commandId: string;
  /** Keyed digest of what the command asks for; its id with another one is refused. */
  readonly fingerprint: string;
};

/** All of it is stored, or nothing. No stream may stand in two writes. */
export type Append = {
  /** Repeating an append with the same id stores nothing and answers the first outcome. */
  readonly commandId: string | null;
  /** Keyed digest of what the command asks for; its id with another one is refused. */
  readonly fingerprint: string | null;
  readonly writes: readonly Write[];
  readonly take: readonly Claim[];
  readonly release: readonly Release[];
  /** JSON text of the events' metadata. */
  readonly meta: string;
  /** The writer's clock; the log never lets time run backwards from one event to the next. */
  readonly time: Timestamp;
};

export type Appended = {
  readonly ok: true;
  readonly isRepeated: boolean;
  /** Of the last event. */
  readonly position: Position;
  /** The first write's stream and its version afterwards. */
  readonly stream: StreamName;
  readonly version: Version;
  readonly time: Timestamp;
};

export type Refused =
  | {
      readonly ok: false;
      readonly reason: 'version';
      readonly stream: StreamName;
      readonly expected: ExpectedVersion;
      readonly actual: Version;
    }
  | { readonly ok: false; readonly reason: 'claim-taken' | 'last-claim'; readonly kind: string }
  | { readonly ok: false; readonly reason: 'command-reused' };

export type AppendOutcome = Appended | Refused;

export type StoredEvent = NewEvent & {
  readonly position: Position;
  readonly stream: StreamName;
  readonly version: Version;
  readonly meta: string;
  readonly time: Timestamp;
  /** SHA-256 over the predecessor's hash and this event; see `chain.ts`. */
  readonly hash: string;
};

/** Positions above `after` and up to `to`; at most `limit` events of them. */
export type Range = { readonly after: Position; readonly to: Position; readonly limit: number };

export type EventLog = {
  /** One durable transaction; the outcomes stand in the order of the appends. */
  readonly append: (appends: readonly Append[]) => Promise<readonly AppendOutcome[]>;
  /** Events of one stream with a version above `after`, oldest first. */
  readonly readStream: (
    stream: StreamName,
    after: Version,
    limit: number,
  ) => Promise<readonly StoredEvent[]>;
  /** Events with a position above `after`, in position order. */
  readonly readAll: (after: Position, limit: number) => Promise<readonly StoredEvent[]>;
  /** Events of these types in a range of positions, in position order; the others cost little. */
  readonly readTypes: (types: readonly string[], range: Range) => Promise<readonly StoredEvent[]>;
  /** Events with a position below `before`, newest first. */
  readonly readBack: (before: Position, limit: number) => Promise<readonly StoredEvent[]>;
  /** The newest position, or 0. */
  readonly head: () => Promise<Position>;
  /** The stream that holds a claim. */
  readonly holderOf: (kind: string, key: string) => Promise<StreamName | undefined>;
};

/** Somebody else appended first, more often than the command handler retries. */
export class VersionConflict extends Error {
  override readonly name = 'VersionConflict';
  readonly stream: StreamName;
  readonly expected: ExpectedVersion;
  readonly actual: Version;
  constructor(stream: StreamName, expected: ExpectedVersion, actual: Version) {
    super(`Stream ${stream} is at version ${actual}, not ${expected}.`);
    this.stream = stream;
    this.expected = expected;
    this.actual = actual;
  }
}

/** The id of a command that was stored came back with another command. */
export class CommandIdReused extends Error {
  override readonly name = 'CommandIdReused';
  constructor() {
    super('This command id belongs to another command.');
  }
}

/** Whether a command that comes with the id of a stored one is that one, as far as is known. */
export function isSameCommand(stored: string | null, given: string | null): boolean {
  return stored === null || given === null || stored === given;
}

/** Whether a stream at version `actual` is what the writer expects it to be. */
export function isExpected(expected: ExpectedVersion, actual: Version): boolean {
  switch (expected) {
    case 'any':
      return true;
    case 'none':
      return actual === 0;
    case 'exists':
      return actual > 0;
    default:
      return expected === actual;
  }
}
