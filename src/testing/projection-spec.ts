import type { SQLiteTable } from 'drizzle-orm/sqlite-core';
import type { AppEvent } from '../events/index.ts';
import type { Projection } from '../kernel/projection.ts';
import { idOf, type StreamName } from '../kernel/stream.ts';
import { readSide } from './read-side.ts';

export type Happening = {
  readonly stream: StreamName;
  readonly event: AppEvent;
  readonly time?: string;
};

/** The rows that a projection makes of these events, in a real file; parked events are an error. */
export async function rowsAfter(
  projection: Projection,
  table: SQLiteTable,
  happenings: readonly Happening[],
) {
  const side = readSide([projection]);
  try {
    for (const { stream, event, time } of happenings) {
      side.keys.add(event.type === 'MessagePosted' ? event.data.authorId : idOf(stream));
      await side.happens(stream, event, time);
    }
    await side.catchUp();
    const parked = await side.readModel.parked();
    if (parked.length > 0) throw new Error(`Parked: ${JSON.stringify(parked)}`);
    return side.rowsOf(table);
  } finally {
    side.close();
  }
}
