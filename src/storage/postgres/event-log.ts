// The reading half of the log in PostgreSQL. The writers give positions out under a lock that they hold
// until their commit, so a reader that sees a position sees all before it: a hole is damage.
import type { EventLog, StoredEvent } from '../../kernel/event-log.ts';
import type { Position, StreamName } from '../../kernel/stream.ts';
import { type Client, openClient, patiently } from './connection.ts';

const eventColumns =
  'position, id, stream, version, type, schema_version AS "schemaVersion", data, meta, time, hash';

/** Events are missing from the log. */
export class LogHole extends Error {
  override readonly name = 'LogHole';
  constructor(missing: number) {
    super(`The event at position ${missing} is missing from the log.`);
  }
}

/** The log of a database that has been migrated, for reading. */
export function openPostgresLog(url: string) {
  const sql = openClient(url, { max: 1 });
  return { ...createLogReader(sql), close: () => sql.end() };
}

/** Every read is repeated for some seconds while the server is away. */
export function createLogReader(sql: Client) {
  const select = (rest: string, values: readonly unknown[]) =>
    patiently<readonly StoredEvent[]>(() =>
      sql.unsafe<StoredEvent[]>(
        `SELECT ${eventColumns} FROM log.events ${rest}`,
        [...values] as never,
        {
          prepare: true,
        },
      ),
    );
  return {
    readStream: (stream, after, limit) =>
      select('WHERE stream = $1 AND version > $2 ORDER BY version LIMIT $3', [
        stream,
        after,
        limit,
      ]),
    async readAll(after, limit) {
      const events = await select('WHERE position > $1 ORDER BY position LIMIT $2', [after, limit]);
      assertContiguous(events, after, 1);
      return events;
    },
    readTypes: (types, { after, to, limit }) =>
      select(
        `WHERE position > $1 AND position <= $2 AND type = ANY ($3) ORDER BY position LIMIT $4`,
        [after, to, types, limit],
      ),
    async readBack(before, limit) {
      const events = await select('WHERE position < $1 ORDER BY position DESC LIMIT $2', [
        before,
        limit,
      ]);
      assertContiguous(events, (events[0]?.position ?? 0) + 1, -1);
      return events;
    },
    async head() {
      const [row] = await patiently(
        () => sql<{ position: Position }[]>`SELECT position FROM log.head`,
      );
      return row!.position;
    },
    async holderOf(kind, key) {
      const [row] = await patiently(
        () => sql<{ stream: StreamName }[]>`
          SELECT stream FROM log.claims WHERE kind = ${kind} AND key = ${key}`,
      );
      return row?.stream;
    },
  } satisfies Omit<EventLog, 'append'>;
}

/** @throws LogHole */
function assertContiguous(events: readonly StoredEvent[], from: number, step: 1 | -1) {
  let expected = from;
  for (const { position } of events) {
    expected += step;
    if (position !== expected) throw new LogHole(expected);
  }
}
