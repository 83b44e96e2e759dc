// The writing half of the vault. Deleted rows are overwritten, since erasing a person rests on their key
// being gone.
import type { Rewrap, Vault } from '../../kernel/vault.ts';
import { toPlain } from '../worker-client.ts';
import { closeWriter, migrateFile, openForWriting } from './connection.ts';
import { createScrub } from './scrub.ts';
import type { Synchronous } from './synchronous.ts';
import { sessionWrites } from './vault-sessions.ts';

export type VaultWrites = Synchronous<
  Pick<
    Vault,
    | 'addPerson'
    | 'confirmPerson'
    | 'removePerson'
    | 'changePassword'
    | 'confirmPasswordChange'
    | 'strengthenPassword'
    | 'startSession'
    | 'rotateSession'
    | 'endSession'
    | 'endSessionOf'
    | 'keepAnswer'
    | 'secret'
    | 'prune'
    | 'setErasedThrough'
    | 'rewrapKeys'
    | 'rewrapSecrets'
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
  const scrub = createScrub(database);
  migrateFile(database, migrations);
  const writes = { ...vaultWrites(database, scrub.need), ...rewraps(database, scrub.need) };
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
    scrub: scrub.run,
    close: () => closeWriter(database),
  };
}

type Database = ReturnType<typeof openForWriting>;
type Rewraps = Pick<VaultWrites, 'rewrapKeys' | 'rewrapSecrets'>;

/** @param needScrub What was deleted must be overwritten. */
function vaultWrites(database: Database, needScrub: () => void): Omit<VaultWrites, keyof Rewraps> {
  const addPerson = database.query(
    'INSERT INTO persons (id, key_id, wrapped_key) VALUES (?, ?, ?)',
  );
  const setPassword = database.query(
    'INSERT OR REPLACE INTO credentials (person_id, password_hash, changed_at) VALUES (?, ?, ?)',
  );
  const rememberChange = database.query(
    `INSERT INTO password_changes
       (id, person_id, command_id, fingerprint, changed_at, expires_at)
     VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
  );
  const confirmChange = database.query('UPDATE password_changes SET is_confirmed = 1 WHERE id = ?');
  const strengthen = database.query(
    'UPDATE credentials SET password_hash = ? WHERE person_id = ? AND password_hash = ?',
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
    `INSERT OR IGNORE INTO answers (command_id, person_id, request_digest, sealed, expires_at)
     SELECT ?1, ?2, ?3, ?4, ?5 WHERE ?2 IS NULL OR EXISTS (SELECT 1 FROM persons WHERE id = ?2)`,
  );
  const addSecret = database.query('INSERT OR IGNORE INTO secrets (name, wrapped) VALUES (?, ?)');
  const secret = database.query<{ wrapped: string }, [string]>(
    'SELECT wrapped FROM secrets WHERE name = ?',
  );
  const setErased = database.query('INSERT OR REPLACE INTO erasures (id, through) VALUES (1, ?)');
  const pruneAnswers = database.query('DELETE FROM answers WHERE expires_at < ?');
  const pruneChanges = database.query(
    'DELETE FROM password_changes WHERE is_confirmed = 1 AND expires_at < ?',
  );
  const pruneSessions = database.query('DELETE FROM sessions WHERE expires_at < ?');
  return {
    ...sessionWrites(database, (personId) => password.get(personId)?.hash),
    addPerson({ personId, keyId, wrappedKey, passwordHash, at }) {
      addPerson.run(personId, keyId, wrappedKey);
      setPassword.run(personId, passwordHash, at);
    },
    confirmPerson: (personId) => void confirmPerson.run(personId),
    removePerson(personId) {
      if (removePerson.run(personId).changes > 0) needScrub();
    },
    changePassword(change) {
      const { id, personId, passwordHash, verifiedHash, at, keepSession, command } = change;
      if (password.get(personId)?.hash !== verifiedHash) return undefined;
      const [commandId, fingerprint] = [command?.commandId ?? null, command?.fingerprint ?? null];
      const remembered = [id, personId, commandId, fingerprint, at, change.expiresAt] as const;
      if (rememberChange.run(...remembered).changes === 0) return undefined;
      setPassword.run(personId, passwordHash, at);
      return endOthers.all(at, personId, keepSession).map(({ id }) => id);
    },
    confirmPasswordChange: (id) => void confirmChange.run(id),
    strengthenPassword: ({ personId, passwordHash, verifiedHash }) =>
      void strengthen.run(passwordHash, personId, verifiedHash),
    keepAnswer: ({ commandId, personId, requestDigest, sealed, expiresAt }) =>
      void keepAnswer.run(commandId, personId, requestDigest, sealed, expiresAt),
    secret(name, proposed) {
      addSecret.run(name, proposed);
      return secret.get(name)!.wrapped;
    },
    prune(now) {
      pruneAnswers.run(now);
      pruneSessions.run(now);
      pruneChanges.run(now);
    },
    setErasedThrough: (position) => void setErased.run(position),
  };
}

function rewraps(database: Database, needScrub: () => void): Rewraps {
  const key = database.query('UPDATE persons SET wrapped_key = ? WHERE id = ? AND wrapped_key = ?');
  const secret = database.query('UPDATE secrets SET wrapped = ? WHERE name = ? AND wrapped = ?');
  const runAll = (statement: typeof key, all: readonly Rewrap[]) => {
    for (const { id, from, to } of all) statement.run(to, id, from);
    if (all.length > 0) needScrub();
  };
  return {
    rewrapKeys: (all) => runAll(key, all),
    rewrapSecrets: (all) => runAll(secret, all),
  };
}
