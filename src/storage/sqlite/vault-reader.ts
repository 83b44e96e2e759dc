import { logStart, type Position } from '../../kernel/stream.ts';
import type {
  KeptAnswer,
  LiveSession,
  RememberedChange,
  ReusedSession,
  Vault,
  WrappedKey,
} from '../../kernel/vault.ts';
import { openForReading } from './connection.ts';

const wrappedKey = 'SELECT key_id AS keyId, id AS personId, wrapped_key AS wrappedKey FROM persons';

type VaultReads = Pick<
  Vault,
  | 'unconfirmedPersons'
  | 'keyOf'
  | 'keysById'
  | 'passwordHashOf'
  | 'passwordChangeBy'
  | 'unconfirmedPasswordChanges'
  | 'sessionsOf'
  | 'sessionsEndedSince'
  | 'reusedSessions'
  | 'answerTo'
  | 'erasedThrough'
  | 'keysAfter'
  | 'secrets'
>;

/** The reading half of the vault; each call sees the newest commit. */
export function openVaultReader(file: string) {
  const database = openForReading(file);
  const unconfirmed = database.query<{ id: string }, [string]>(
    `SELECT id FROM persons JOIN credentials ON person_id = id
     WHERE is_confirmed = 0 AND changed_at < ?`,
  );
  const keyOf = database.query<WrappedKey, [string]>(`${wrappedKey} WHERE id = ?`);
  const keyById = database.query<WrappedKey, [string]>(`${wrappedKey} WHERE key_id = ?`);
  const keysAfter = database.query<WrappedKey, [string, number]>(
    `${wrappedKey} WHERE id > ? ORDER BY id LIMIT ?`,
  );
  const secrets = database.query<{ name: string; wrapped: string }, []>(
    'SELECT name, wrapped FROM secrets ORDER BY name',
  );
  const erased = database.query<{ through: Position }, []>('SELECT through FROM erasures');
  const passwordHash = database.query<{ hash: string }, [string]>(
    'SELECT password_hash AS hash FROM credentials WHERE person_id = ?',
  );
  const changeBy = database.query<{ id: string; fingerprint: string }, [string]>(
    'SELECT id, fingerprint FROM password_changes WHERE command_id = ?',
  );
  const unconfirmedChanges = database.query<RememberedChange, [string]>(
    `SELECT id, person_id AS personId FROM password_changes
     WHERE is_confirmed = 0 AND changed_at < ? ORDER BY id`,
  );
  const live = database.query<LiveSession, [string, string, number, number]>(
    `SELECT id, started_at AS startedAt, coalesce(rotated_at, started_at) AS usedAt,
       expires_at AS expiresAt, device
     FROM sessions WHERE person_id = ? AND ended_at IS NULL AND expires_at >= ?
     ORDER BY usedAt DESC, id DESC LIMIT ? OFFSET ?`,
  );
  const liveCount = database.query<{ total: number }, [string, string]>(
    `SELECT count(*) AS total FROM sessions
     WHERE person_id = ? AND ended_at IS NULL AND expires_at >= ?`,
  );
  const ended = database.query<{ id: string }, [string]>(
    'SELECT id FROM sessions WHERE ended_at >= ?',
  );
  const reused = database.query<ReusedSession, []>(
    'SELECT id, person_id AS personId FROM sessions WHERE was_reused = 1 ORDER BY id',
  );
  const answer = database.query<KeptAnswer, [string]>(
    `SELECT command_id AS commandId, person_id AS personId, request_digest AS requestDigest,
       sealed, expires_at AS expiresAt FROM answers WHERE command_id = ?`,
  );
  return {
    unconfirmedPersons: async (before) => unconfirmed.all(before).map(({ id }) => id),
    keyOf: async (personId) => keyOf.get(personId) ?? undefined,
    keysById: async (keyIds) => keyIds.flatMap((keyId) => keyById.get(keyId) ?? []),
    passwordHashOf: async (personId) => passwordHash.get(personId)?.hash,
    passwordChangeBy: async (commandId) => changeBy.get(commandId) ?? undefined,
    unconfirmedPasswordChanges: async (before) => unconfirmedChanges.all(before),
    sessionsOf: async ({ personId, at, limit, offset }) => ({
      sessions: live.all(personId, at, limit, offset),
      total: liveCount.get(personId, at)!.total,
    }),
    sessionsEndedSince: async (time) => ended.all(time).map(({ id }) => id),
    reusedSessions: async () => reused.all(),
    answerTo: async (commandId) => answer.get(commandId) ?? undefined,
    erasedThrough: async () => erased.get()?.through ?? logStart,
    keysAfter: async (personId, limit) => keysAfter.all(personId, limit),
    secrets: async () => secrets.all(),
    close: () => database.close(),
  } satisfies VaultReads & { close: () => void };
}
