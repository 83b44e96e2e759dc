import { logStart, type Position } from '../../kernel/stream.ts';
import type {
  KeptAnswer,
  LiveSession,
  RememberedChange,
  ReusedSession,
  Vault,
  WrappedKey,
} from '../../kernel/vault.ts';
import { type Client, patiently } from './connection.ts';

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

/** The reading half of the vault; every read is repeated for some seconds while the server is away. */
export function createVaultReader(sql: Client): VaultReads {
  const wrappedKey = sql`key_id AS "keyId", id AS "personId", wrapped_key AS "wrappedKey"`;
  return {
    ...passwordChanges(sql),
    async unconfirmedPersons(before) {
      const rows = await patiently(
        () => sql<{ id: string }[]>`
          SELECT id FROM vault.persons JOIN vault.credentials ON person_id = id
          WHERE NOT is_confirmed AND changed_at < ${before}`,
      );
      return rows.map(({ id }) => id);
    },
    async keyOf(personId) {
      const [key] = await patiently(
        () => sql<WrappedKey[]>`SELECT ${wrappedKey} FROM vault.persons WHERE id = ${personId}`,
      );
      return key;
    },
    async keysById(keyIds) {
      const rows = await patiently(
        () => sql<WrappedKey[]>`
          SELECT ${wrappedKey} FROM vault.persons WHERE key_id = ANY (${[...keyIds]})`,
      );
      const keys = new Map(rows.map((key) => [key.keyId, key]));
      return keyIds.flatMap((keyId) => keys.get(keyId) ?? []);
    },
    async passwordHashOf(personId) {
      const [row] = await patiently(
        () => sql<{ hash: string }[]>`
          SELECT password_hash AS hash FROM vault.credentials WHERE person_id = ${personId}`,
      );
      return row?.hash;
    },
    async sessionsOf({ personId, at, limit, offset }) {
      const goingOn = sql`person_id = ${personId} AND ended_at IS NULL AND expires_at >= ${at}`;
      const [rows, [count]] = await patiently(() =>
        Promise.all([
          sql<LiveSession[]>`
            SELECT id, started_at AS "startedAt", coalesce(rotated_at, started_at) AS "usedAt",
              expires_at AS "expiresAt", device
            FROM vault.sessions WHERE ${goingOn}
            ORDER BY "usedAt" DESC, id DESC LIMIT ${limit} OFFSET ${offset}`,
          sql<{ total: number }[]>`
            SELECT count(*) AS total FROM vault.sessions WHERE ${goingOn}`,
        ]),
      );
      return { sessions: [...rows], total: count!.total };
    },
    async sessionsEndedSince(time) {
      const rows = await patiently(
        () => sql<{ id: string }[]>`SELECT id FROM vault.sessions WHERE ended_at >= ${time}`,
      );
      return rows.map(({ id }) => id);
    },
    async reusedSessions() {
      const rows = await patiently(
        () => sql<ReusedSession[]>`
          SELECT id, person_id AS "personId" FROM vault.sessions WHERE was_reused ORDER BY id`,
      );
      return [...rows];
    },
    async answerTo(commandId) {
      const [answer] = await patiently(
        () => sql<KeptAnswer[]>`
          SELECT command_id AS "commandId", person_id AS "personId",
            request_digest AS "requestDigest", sealed, expires_at AS "expiresAt"
          FROM vault.answers WHERE command_id = ${commandId}`,
      );
      return answer;
    },
    async erasedThrough() {
      const [row] = await patiently(
        () => sql<{ through: Position }[]>`SELECT through FROM vault.erasures`,
      );
      return row?.through ?? logStart;
    },
    async keysAfter(personId, limit) {
      const rows = await patiently(
        () => sql<WrappedKey[]>`
          SELECT ${wrappedKey} FROM vault.persons WHERE id > ${personId} ORDER BY id LIMIT ${limit}`,
      );
      return [...rows];
    },
    async secrets() {
      const rows = await patiently(
        () => sql<{ name: string; wrapped: string }[]>`
          SELECT name, wrapped FROM vault.secrets ORDER BY name`,
      );
      return [...rows];
    },
  };
}

function passwordChanges(
  sql: Client,
): Pick<VaultReads, 'passwordChangeBy' | 'unconfirmedPasswordChanges'> {
  return {
    async passwordChangeBy(commandId) {
      const [change] = await patiently(
        () => sql<{ id: string; fingerprint: string }[]>`
          SELECT id, fingerprint FROM vault.password_changes WHERE command_id = ${commandId}`,
      );
      return change;
    },
    async unconfirmedPasswordChanges(before) {
      const rows = await patiently(
        () => sql<RememberedChange[]>`
          SELECT id, person_id AS "personId" FROM vault.password_changes
          WHERE NOT is_confirmed AND changed_at < ${before} ORDER BY id`,
      );
      return [...rows];
    },
  };
}
