import type { Database } from 'bun:sqlite';
import type { Position, StreamName, Version } from '../../kernel/stream.ts';

export const eventColumns =
  'position, id, stream, version, type, schema_version AS schemaVersion, data, meta, time, hash';

export type StoredCommand = {
  readonly position: Position;
  readonly stream: StreamName;
  readonly version: Version;
  readonly time: string;
  readonly fingerprint: string | null;
};

/** The writer's statements, prepared once. */
export function logStatements(database: Database) {
  return {
    begin: database.query('BEGIN IMMEDIATE'),
    commit: database.query('COMMIT'),
    rollback: database.query('ROLLBACK'),
    // Most streams that are asked for are new, and for those this costs a tenth of what `version` does.
    isKnown: database.query('SELECT version FROM events WHERE stream = ? LIMIT 1'),
    version: database.query<{ version: Version | null }, [string]>(
      'SELECT max(version) AS version FROM events WHERE stream = ?',
    ),
    insertEvent: database.query(
      `INSERT INTO events
         (position, id, stream, version, type, schema_version, data, meta, time, hash)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    command: database.query<StoredCommand, [string]>(
      'SELECT position, stream, version, time, fingerprint FROM commands WHERE id = ?',
    ),
    insertCommand: database.query(
      `INSERT INTO commands (id, position, stream, version, time, fingerprint)
       VALUES (?, ?, ?, ?, ?, ?)`,
    ),
  };
}
