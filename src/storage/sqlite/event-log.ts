import type { Database } from 'bun:sqlite';
import type { EventLog, StoredEvent } from '../../kernel/event-log.ts';
import type { Position } from '../../kernel/stream.ts';
import { openForReading } from './connection.ts';
import { eventColumns } from './log-statements.ts';

/** The reading half of the SQLite log; reads never wait for the writer. */
export function openLogReader(file: string) {
  const database: Database = openForReading(file);
  const stream = database.query<StoredEvent, [string, number, number]>(
    `SELECT ${eventColumns} FROM events WHERE stream = ? AND version > ? ORDER BY version LIMIT ?`,
  );
  const forwards = database.query<StoredEvent, [number, number]>(
    `SELECT ${eventColumns} FROM events WHERE position > ? ORDER BY position LIMIT ?`,
  );
  const ofTypes = database.query<StoredEvent, [number, number, string, number]>(
    `SELECT ${eventColumns} FROM events
     WHERE position > ? AND position <= ? AND type IN (SELECT value FROM json_each(?))
     ORDER BY position LIMIT ?`,
  );
  const backwards = database.query<StoredEvent, [number, number]>(
    `SELECT ${eventColumns} FROM events WHERE position < ? ORDER BY position DESC LIMIT ?`,
  );
  const head = database.query<{ position: Position | null }, []>(
    'SELECT max(position) AS position FROM events',
  );
  return {
    readStream: async (name, after, limit) => stream.all(name, after, limit),
    readAll: async (after, limit) => forwards.all(after, limit),
    readTypes: async (types, { after, to, limit }) =>
      ofTypes.all(after, to, JSON.stringify(types), limit),
    readBack: async (before, limit) => backwards.all(before, limit),
    head: async () => head.get()?.position ?? (0 as Position),
    close: () => database.close(),
  } satisfies Omit<EventLog, 'append' | 'holderOf'> & { close: () => void };
}
