// The writing half of the vault. Deleted rows are overwritten (`secure_delete`), since erasing a
// person rests on their key being gone.
import type { Vault } from '../../kernel/vault.ts';
import { toPlain } from '../worker-client.ts';
import { closeWriter, migrateFile, openForWriting } from './connection.ts';
import type { Synchronous } from './synchronous.ts';
import { sessionWrites } from './vault-sessions.ts';

export type VaultWrites = Synchronous<
  Pick<
    Vault,
    | 'addPerson'
    | 'confirmPerson'
    | 'removePerson'
    | 'changePassword'
    | 'startSession'
    | 'rotateSession'
    | 'endSession'
    | 'endSessionOf'
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
  const password = database.query<{ hash: string }, [string]>(
    'SELECT password_hash AS hash FROM credentials WHERE person_id = ?',
  );
  const confirmPerson = database.query('UPDATE persons SET is_confirmed = 1 WHERE id = ?');
  const removePerson = database.query('DELETE FROM persons WHERE id = ?');
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
    ...sessionWrites(database, (personId) => password.get(personId)?.hash),
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
