// What every feature's plugin is made from, and the few translations they share.
import type { Erasure } from '../auth/erasure.ts';
import type { PasswordChanges } from '../auth/password-change.ts';
import type { Passwords } from '../auth/passwords.ts';
import type { RecentRoles } from '../auth/recent-roles.ts';
import type { Registration } from '../auth/registration.ts';
import type { Sessions } from '../auth/sessions.ts';
import type { SignIn } from '../auth/sign-in.ts';
import type { TokenReuse } from '../auth/token-reuse.ts';
import type { Commands } from '../commands/index.ts';
import type { Role } from '../events/users.ts';
import type { EventStore } from '../kernel/event-store.ts';
import type { CommandContext } from '../kernel/handle-command.ts';
import type { KeyRotation } from '../kernel/keyring.ts';
import type { NewId } from '../kernel/time.ts';
import type { Position, Version } from '../kernel/stream.ts';
import type { Presence } from '../kernel/presence.ts';
import type { ReadQueries } from '../queries/cached.ts';
import type { Access } from './access.ts';
import type { Addresses } from './addresses.ts';
import type { Audit } from './audit.ts';
import type { Freshness } from './freshness.ts';
import type { Once } from './idempotency.ts';
import type { Images } from './images.ts';
import type { Live } from './live.ts';
import { problem, requestIdHeader, type Set } from './problem.ts';
import type { LimitName, Limits } from './rate-limit.ts';
import type { Tokens } from './tokens.ts';

export type Edge = {
  readonly access: Access;
  readonly addresses: Addresses;
  readonly audit: Audit;
  readonly commands: Commands;
  readonly queries: ReadQueries;
  readonly store: Pick<EventStore, 'readStream' | 'holderOf'>;
  readonly digest: (kind: string, value: string) => string;
  readonly registration: Registration;
  readonly erasure: Erasure;
  readonly passwords: Passwords;
  readonly passwordChanges: PasswordChanges;
  readonly signIn: SignIn;
  readonly passwordHashOf: (userId: string) => Promise<string | undefined>;
  readonly sessions: Sessions;
  readonly tokenReuse: TokenReuse;
  readonly tokens: Tokens;
  readonly freshness: Freshness;
  readonly once: Once;
  readonly limits: Limits;
  readonly live: Live;
  readonly images: Images;
  readonly presence: Presence;
  /** How somebody is called; undefined when that cannot be found out now. */
  readonly nameOf: (userId: string) => Promise<string | undefined>;
  readonly newId: NewId;
  /** Notes that a limit has refused somebody. */
  readonly refused: (limit: LimitName) => void;
  readonly noteRole: RecentRoles<Role>['note'];
  readonly keyRotation: KeyRotation;
  readonly isProduction: boolean;
};

/** The request is the cause and the correlation of the events it leads to. */
export function contextOf(
  set: Set,
  actorId: string,
  command?: Pick<CommandContext, 'commandId' | 'fingerprint'>,
): CommandContext {
  const requestId = requestIdOf(set);
  return { actorId, correlationId: requestId, causationId: requestId, ...command };
}

export const requestIdOf = (set: Set) => String(set.headers[requestIdHeader]);

/** The version a client saw, from `If-Match`; one that no stream has for a tag we never gave. */
export function ifVersion(request: Request): Version | undefined {
  const tag = request.headers.get('if-match');
  if (tag === null || tag === '*') return undefined;
  const version = /^"(\d{1,15})"$/.exec(tag)?.[1];
  return (version === undefined ? -1 : Number(version)) as Version;
}

export function tag(set: Set, version: number): void {
  set.headers['etag'] = `"${version}"`;
}

type Accepted = {
  readonly position: Position;
  readonly actorId: string;
  /** The log knew the command already, though nobody kept the answer. */
  readonly isRepeated?: boolean;
};

/** Tells the client where its command stands in the log; every read from now on will see it. */
export function accepted(
  { freshness }: Pick<Edge, 'freshness'>,
  set: Set,
  { position, actorId, isRepeated = false }: Accepted,
): void {
  set.headers['event-position'] = String(position);
  if (isRepeated) set.headers['idempotent-replay'] = 'true';
  freshness.wrote(actorId, position);
}

export const stale = (set: Set) =>
  problem(set, 'PRECONDITION_FAILED', 'It has changed since you read it.');
