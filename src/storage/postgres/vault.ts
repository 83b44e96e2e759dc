// The vault in PostgreSQL, for any number of nodes at once. A condition is part of the statement that acts on
// it: whoever waits for another's commit judges it anew by what that has left. What is harmless to repeat is
// repeated for some seconds while the server is away.
import type {
  KeptAnswer,
  NewPerson,
  PasswordChange,
  Rewrap,
  Rotation,
  RotationOutcome,
  Session,
  Vault,
  Verified,
} from '../../kernel/vault.ts';
import type { Position } from '../../kernel/stream.ts';
import { type Client, inTime, patiently } from './connection.ts';
import { createVaultReader } from './vault-reader.ts';

export function createVault(sql: Client): Vault {
  return {
    ...createVaultReader(sql),
    ...persons(sql),
    ...sessions(sql),
    ...keeping(sql),
    ...erasing(sql),
    ...rewrapping(sql),
  };
}

function persons(sql: Client) {
  return {
    async addPerson({ personId, keyId, wrappedKey, passwordHash, at }: NewPerson) {
      await inTime(sql`
        WITH person AS (
          INSERT INTO vault.persons (id, key_id, wrapped_key)
          VALUES (${personId}, ${keyId}, ${wrappedKey})
        )
        INSERT INTO vault.credentials (person_id, password_hash, changed_at)
        VALUES (${personId}, ${passwordHash}, ${at})`);
    },
    async confirmPerson(personId: string) {
      await patiently(
        () => sql`UPDATE vault.persons SET is_confirmed = true WHERE id = ${personId}`,
      );
    },
    async removePerson(personId: string) {
      await patiently(() => sql`DELETE FROM vault.persons WHERE id = ${personId}`);
    },
    changePassword: ({
      id,
      personId,
      passwordHash,
      verifiedHash,
      at,
      expiresAt,
      keepSession,
      command,
    }: PasswordChange): Promise<readonly string[] | undefined> =>
      inTime(
        sql.begin(async (transaction) => {
          // In the order in which removing a person takes its locks.
          const remembered = await transaction`
          INSERT INTO vault.password_changes
            (id, person_id, command_id, fingerprint, changed_at, expires_at)
          SELECT ${id}, id, ${command?.commandId ?? null}, ${command?.fingerprint ?? null},
            ${at}, ${expiresAt}
          FROM vault.persons WHERE id = ${personId} FOR KEY SHARE
          ON CONFLICT DO NOTHING`;
          if (remembered.count === 0) return undefined;
          const { count } = await transaction`
          UPDATE vault.credentials SET password_hash = ${passwordHash}, changed_at = ${at}
          WHERE person_id = ${personId} AND password_hash = ${verifiedHash}`;
          if (count === 0) {
            await transaction`DELETE FROM vault.password_changes WHERE id = ${id}`;
            return undefined;
          }
          // A statement of its own: it sees each session that was started before the row above was ours.
          const ended = await transaction<{ id: string }[]>`
          UPDATE vault.sessions SET ended_at = ${at}
          WHERE person_id = ${personId} AND id <> ${keepSession} AND ended_at IS NULL
          RETURNING id`;
          return ended.map(({ id }) => id);
        }),
      ),
    async confirmPasswordChange(id: string) {
      await patiently(
        () => sql`UPDATE vault.password_changes SET is_confirmed = true WHERE id = ${id}`,
      );
    },
    async strengthenPassword(change: Parameters<Vault['strengthenPassword']>[0]) {
      await inTime(sql`
        UPDATE vault.credentials SET password_hash = ${change.passwordHash}
        WHERE person_id = ${change.personId} AND password_hash = ${change.verifiedHash}`);
    },
  };
}

function sessions(sql: Client) {
  return {
    async startSession(session: Session & Verified): Promise<boolean> {
      const { id, personId, refreshHash, startedAt, expiresAt, endsAt, device } = session;
      const { verifiedHash } = session;
      const { count } = await inTime(sql`
        INSERT INTO vault.sessions
          (id, person_id, refresh_hash, started_at, expires_at, ends_at, device)
        SELECT ${id}, person_id, ${refreshHash}, ${startedAt}, ${expiresAt}, ${endsAt}, ${device}
        FROM vault.credentials
        WHERE person_id = ${personId} AND password_hash = ${verifiedHash}
        FOR SHARE`);
      return count > 0;
    },
    async rotateSession(rotation: Rotation): Promise<RotationOutcome> {
      const { id, refreshHash, nextHash, at, expiresAt, graceFrom } = rotation;
      // Within the grace the token before becomes what it was: the last to be exchanged, and since then.
      const [rotated] = await inTime(sql<{ personId: string; expiresAt: string }[]>`
        UPDATE vault.sessions SET
          rotated_at = CASE WHEN refresh_hash = ${refreshHash} THEN ${at} ELSE rotated_at END,
          refresh_hash = ${nextHash}, previous_hash = ${refreshHash},
          expires_at = least(${expiresAt} COLLATE "C", ends_at)
        WHERE id = ${id} AND ended_at IS NULL AND expires_at >= ${at}
          AND (refresh_hash = ${refreshHash}
            OR (previous_hash = ${refreshHash} AND rotated_at >= ${graceFrom}))
        RETURNING person_id AS "personId", expires_at AS "expiresAt"`);
      if (rotated) return { outcome: 'rotated', ...rotated };
      const [reused] = await inTime(sql<{ personId: string }[]>`
        UPDATE vault.sessions SET ended_at = ${at}, was_reused = true
        WHERE id = ${id} AND refresh_hash <> ${refreshHash}
          AND ended_at IS NULL AND expires_at >= ${at}
        RETURNING person_id AS "personId"`);
      return reused ? { outcome: 'reused', personId: reused.personId } : { outcome: 'unknown' };
    },
    async endSession(id: string, at: string) {
      await patiently(
        () => sql`
          UPDATE vault.sessions SET ended_at = ${at} WHERE id = ${id} AND ended_at IS NULL`,
      );
    },
    async endSessionOf(personId: string, id: string, at: string): Promise<boolean> {
      const { count } = await inTime(sql`
        UPDATE vault.sessions SET ended_at = ${at}
        WHERE id = ${id} AND person_id = ${personId} AND ended_at IS NULL AND expires_at >= ${at}`);
      return count > 0;
    },
  };
}

function keeping(sql: Client) {
  return {
    async keepAnswer({ commandId, personId, requestDigest, sealed, expiresAt }: KeptAnswer) {
      await patiently(
        () => sql`
          WITH person AS (SELECT id FROM vault.persons WHERE id = ${personId} FOR KEY SHARE)
          INSERT INTO vault.answers (command_id, person_id, request_digest, sealed, expires_at)
          SELECT ${commandId}, ${personId}, ${requestDigest}, ${sealed}, ${expiresAt}
          WHERE ${personId}::text IS NULL OR EXISTS (SELECT FROM person)
          ON CONFLICT (command_id) DO NOTHING`,
      );
    },
    async secret(name: string, proposed: string): Promise<string> {
      await patiently(
        () => sql`
          INSERT INTO vault.secrets (name, wrapped) VALUES (${name}, ${proposed})
          ON CONFLICT (name) DO NOTHING`,
      );
      const [kept] = await patiently(
        () => sql<{ wrapped: string }[]>`SELECT wrapped FROM vault.secrets WHERE name = ${name}`,
      );
      return kept!.wrapped;
    },
    async prune(now: string) {
      await sql`DELETE FROM vault.answers WHERE expires_at < ${now}`;
      await sql`DELETE FROM vault.sessions WHERE expires_at < ${now}`;
      await sql`DELETE FROM vault.tickets WHERE expires_at < ${now}`;
      await sql`DELETE FROM vault.password_changes WHERE is_confirmed AND expires_at < ${now}`;
    },
  };
}

function erasing(sql: Client) {
  return {
    async setErasedThrough(position: Position) {
      await sql`
        INSERT INTO vault.erasures (id, through) VALUES (1, ${position})
        ON CONFLICT (id) DO UPDATE SET through = excluded.through`;
    },
    /** Nothing here to overwrite files with: docs/decisions/0017. */
    async scrub() {},
  };
}

function rewrapping(sql: Client) {
  const columns = (rewraps: readonly Rewrap[]) =>
    [
      rewraps.map(({ id }) => id),
      rewraps.map(({ from }) => from),
      rewraps.map(({ to }) => to),
    ] as const;
  return {
    async rewrapKeys(rewraps: readonly Rewrap[]) {
      const [ids, froms, tos] = columns(rewraps);
      await sql`
        UPDATE vault.persons SET wrapped_key = given.later
        FROM unnest(${ids}::text[], ${froms}::text[], ${tos}::text[]) AS given(id, before, later)
        WHERE persons.id = given.id AND wrapped_key = given.before`;
    },
    async rewrapSecrets(rewraps: readonly Rewrap[]) {
      const [names, froms, tos] = columns(rewraps);
      await sql`
        UPDATE vault.secrets SET wrapped = given.later
        FROM unnest(${names}::text[], ${froms}::text[], ${tos}::text[]) AS given(name, before, later)
        WHERE secrets.name = given.name AND wrapped = given.before`;
    },
  };
}
