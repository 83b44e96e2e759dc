// The writing half of the log in PostgreSQL: one call of a function of the database a batch, which is a
// transaction of its own. Nothing of this process happens under its locks, however slow this process is.
// Batches are numbered, and the database keeps what became of the newest one of each process. So a call
// whose connection dies is made again, and answers what has become of it or does it now, never twice.
import type { Append, AppendOutcome } from '../../kernel/event-log.ts';
import { arraysOf, batchColumns, groupEnds, outcomeOf, type OutcomeRow } from './append-batch.ts';
import { type Client, DatabaseUnavailable, inTime, repeatedly } from './connection.ts';

const parameters = Array.from({ length: batchColumns.length + 3 }, (_, index) => `$${index + 1}`);
const appendBatch = `
  SELECT append, result, position, version, "time", stream, kind
  FROM log.append(${parameters.join(', ')}) ORDER BY append`;

/** @param sql Of one connection. */
export function createLogWriter(sql: Client) {
  const writer = crypto.randomUUID();
  let batch = 0;
  let previous: Promise<unknown> = Promise.resolve();

  async function write(appends: readonly Append[]): Promise<readonly AppendOutcome[]> {
    if (appends.length === 0) return [];
    batch += 1;
    const arrays = arraysOf(appends);
    const columns = batchColumns.map((name) => arrays[name]);
    const values = [writer, batch, groupEnds(appends), ...columns];
    const rows = await repeatedly(() =>
      sql.unsafe<OutcomeRow[]>(appendBatch, values, { prepare: true }),
    );
    return appends.map((append, index) => outcomeOf(append, rows[index]!));
  }

  return {
    /**
     * One durable transaction; batches are written one after another.
     * @throws DatabaseUnavailable when it is not known whether it was stored.
     */
    async append(appends: readonly Append[]): Promise<readonly AppendOutcome[]> {
      let isGivenUp = false;
      const written = previous.then(() => {
        if (isGivenUp) throw new DatabaseUnavailable('The batch before it took too long.');
        return write(appends);
      });
      previous = written.catch(() => {}); // told to its own caller
      try {
        return await inTime(written);
      } finally {
        isGivenUp = true;
      }
    },
    idle: () => previous,
  };
}
