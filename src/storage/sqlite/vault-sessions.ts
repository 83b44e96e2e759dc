// The writes to sessions. They run one after the other, so each may look first and act then.
import type { Vault } from '../../kernel/vault.ts';
import type { openForWriting } from './connection.ts';
import type { Synchronous } from './synchronous.ts';

type Row = {
  readonly personId: string;
  readonly refreshHash: string;
  readonly previousHash: string | null;
  readonly rotatedAt: string | null;
  readonly endsAt: string;
};

type SessionWrites = Synchronous<
  Pick<Vault, 'startSession' | 'rotateSession' | 'endSession' | 'endSessionOf'>
>;

export function sessionWrites(
  database: ReturnType<typeof openForWriting>,
  passwordHashOf: (personId: string) => string | undefined,
): SessionWrites {
  const start = database.query(
    `INSERT INTO sessions (id, person_id, refresh_hash, started_at, expires_at, ends_at, device)
     VALUES (?, ?, ?, ?, ?, ?, ?)`,
  );
  const goingOn = database.query<Row, [string, string]>(
    `SELECT person_id AS personId, refresh_hash AS refreshHash, previous_hash AS previousHash,
       rotated_at AS rotatedAt, ends_at AS endsAt
     FROM sessions WHERE id = ? AND ended_at IS NULL AND expires_at >= ?`,
  );
  const rotate = database.query(
    `UPDATE sessions SET refresh_hash = ?, previous_hash = ?, rotated_at = ?, expires_at = ?
     WHERE id = ?`,
  );
  const endReused = database.query('UPDATE sessions SET ended_at = ?, was_reused = 1 WHERE id = ?');
  const end = database.query('UPDATE sessions SET ended_at = ? WHERE id = ? AND ended_at IS NULL');
  return {
    startSession(session) {
      const { id, personId, refreshHash, startedAt, expiresAt, endsAt, device } = session;
      if (passwordHashOf(personId) !== session.verifiedHash) return false;
      start.run(id, personId, refreshHash, startedAt, expiresAt, endsAt, device);
      return true;
    },
    rotateSession({ id, refreshHash, nextHash, at, graceFrom, ...rotation }) {
      const found = goingOn.get(id, at);
      if (!found) return { outcome: 'unknown' };
      const { personId, previousHash, rotatedAt, endsAt } = found;
      const isPresent = found.refreshHash === refreshHash;
      const isWithinGrace = graceFrom !== null && rotatedAt !== null && rotatedAt >= graceFrom;
      if (!isPresent && !(previousHash === refreshHash && isWithinGrace)) {
        endReused.run(at, id);
        return { outcome: 'reused', personId };
      }
      const expiresAt = rotation.expiresAt < endsAt ? rotation.expiresAt : endsAt;
      rotate.run(nextHash, refreshHash, isPresent ? at : rotatedAt, expiresAt, id);
      return { outcome: 'rotated', personId, expiresAt };
    },
    endSession: (id, at) => void end.run(at, id),
    endSessionOf(personId, id, at) {
      if (goingOn.get(id, at)?.personId !== personId) return false;
      return end.run(at, id).changes > 0;
    },
  };
}
