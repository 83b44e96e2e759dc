// The writing half of the vault. Deleted rows are overwritten (`secure_delete`), since erasing a
// person rests on their key being gone.
import type { Vault } from '../../kernel/vault.ts';
import { toPlain } from '../worker-client.ts';
import { closeWriter, migrateFile, openForWriting } from './connection.ts';

type Synchronous<Port> = {
  [Name in keyof Port]: Port[Name] extends (...args: infer Args) => Promise<infer Result>
    ? (...args: Args) => Result
    : never;
};

export type VaultWrites = Synchronous<
  Pick<
    Vault,
    | 'addPerson'
    | 'confirmPerson'
    | 'removePerson'
    | 'changePassword'
    | 'strengthenPassword'
    | 'startSession'
    | 'rotateSession'
    | 'endSession'
    | 'keepAnswer'
    | 'secret'
    | 'prune'
  >
>;

export type VaultOperation = {
  readonly name: keyof VaultWrites;
  readonly args: readonly unknown[];
};

export type VaultResult =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly error: ReturnType<typeof toPlain> };

export function openVaultWriter(file: string, migrations: string) {
  const database = openForWriting(file, 'full');
  database.run('PRAGMA secure_delete = ON');
  migrateFile(database, migrations);
  const writes = vaultWrites(database);
  const inSavepoint = database.transaction(({ name, args }: VaultOperation): unknown =>
    (writes[name] as (...values: readonly unknown[]) => unknown)(...args),
  );
  /** One transaction for all operations; one that fails spoils no neighbour. */
  const run = database.transaction((operations: readonly VaultOperation[]): VaultResult[] =>
    operations.map((operation) => {
      try {
        return { ok: true, value: inSavepoint(operation) };
      } catch (error) {
        return { ok: false, error: toPlain(error) };
      }
    }),
  );
  return {
    run: (operations: readonly VaultOperation[]) => run.immediate(operations),
    close: () => closeWriter(database),
  };
}

function vaultWrites(database: ReturnType<typeof openForWriting>): VaultWrites {
  const addPerson = database.query(
    'INSERT INTO persons (id, key_id, wrapped_key) VALUES (?, ?, ?)',
  );
  const setPassword = database.query(
    'INSERT OR REPLACE INTO credentials (person_id, password_hash, changed_at) VALUES (?, ?, ?)',
  );
  const strengthen = database.query(
    'UPDATE credentials SET password_hash = ? WHERE person_id = ? AND password_hash = ?',
  );
  const password = database.query<{ hash: string }, [string]>(
    'SELECT password_hash AS hash FROM credentials WHERE person_id = ?',
  );
  const confirmPerson = database.query('UPDATE persons SET is_confirmed = 1 WHERE id = ?');
  const removePerson = database.query('DELETE FROM persons WHERE id = ?');
  const startSession = database.query(
    'INSERT INTO sessions (id, person_id, refresh_hash, started_at, expires_at) VALUES (?, ?, ?, ?, ?)',
  );
  const session = database.query<
    { person_id: string; refresh_hash: string; expires_at: string; ended_at: string | null },
    [string]
  >('SELECT person_id, refresh_hash, expires_at, ended_at FROM sessions WHERE id = ?');
  const rotate = database.query(
    'UPDATE sessions SET refresh_hash = ?, expires_at = ? WHERE id = ?',
  );
  const endSession = database.query(
    'UPDATE sessions SET ended_at = ? WHERE id = ? AND ended_at IS NULL',
  );
  const endReused = database.query('UPDATE sessions SET ended_at = ?, was_reused = 1 WHERE id = ?');
  const endOthers = database.query<{ id: string }, [string, string, string]>(
    'UPDATE sessions SET ended_at = ? WHERE person_id = ? AND id <> ? AND ended_at IS NULL RETURNING id',
  );
  const keepAnswer = database.query(
    'INSERT OR IGNORE INTO answers (command_id, person_id, request_digest, sealed, expires_at) VALUES (?, ?, ?, ?, ?)',
  );
  const addSecret = database.query('INSERT OR IGNORE INTO secrets (name, wrapped) VALUES (?, ?)');
  const secret = database.query<{ wrapped: string }, [string]>(
    'SELECT wrapped FROM secrets WHERE name = ?',
  );
  const pruneAnswers = database.query('DELETE FROM answers WHERE expires_at < ?');
  const pruneSessions = database.query('DELETE FROM sessions WHERE expires_at < ?');
  return {
    addPerson({ personId, keyId, wrappedKey, passwordHash, at }) {
      addPerson.run(personId, keyId, wrappedKey);
      setPassword.run(personId, passwordHash, at);
    },
    confirmPerson: (personId) => void confirmPerson.run(personId),
    removePerson: (personId) => void removePerson.run(personId),
    changePassword({ personId, passwordHash, verifiedHash, at, keepSession }) {
      if (password.get(personId)?.hash !== verifiedHash) return undefined;
      setPassword.run(personId, passwordHash, at);
      return endOthers.all(at, personId, keepSession).map(({ id }) => id);
    },
    strengthenPassword: ({ personId, passwordHash, verifiedHash }) =>
      void strengthen.run(passwordHash, personId, verifiedHash),
    startSession({ id, personId, refreshHash, startedAt, expiresAt, verifiedHash }) {
      if (password.get(personId)?.hash !== verifiedHash) return false;
      startSession.run(id, personId, refreshHash, startedAt, expiresAt);
      return true;
    },
    rotateSession({ id, refreshHash, nextHash, at, expiresAt }) {
      const found = session.get(id);
      if (!found || found.ended_at !== null || found.expires_at < at) return { outcome: 'unknown' };
      if (found.refresh_hash !== refreshHash) {
        endReused.run(at, id);
        return { outcome: 'reused', personId: found.person_id };
      }
      rotate.run(nextHash, expiresAt, id);
      return { outcome: 'rotated', personId: found.person_id };
    },
    endSession: (id, at) => void endSession.run(at, id),
    keepAnswer: ({ commandId, personId, requestDigest, sealed, expiresAt }) =>
      void keepAnswer.run(commandId, personId, requestDigest, sealed, expiresAt),
    secret(name, proposed) {
      addSecret.run(name, proposed);
      return secret.get(name)!.wrapped;
    },
    prune(now) {
      pruneAnswers.run(now);
      pruneSessions.run(now);
    },
  };
}
