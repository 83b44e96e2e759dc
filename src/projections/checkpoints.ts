// How far each projection has come. These tables belong to the projector, not to a projection.
import { primaryKey } from 'drizzle-orm/sqlite-core';
import { count, id, table, timestamp, words } from './columns.ts';

export const checkpoints = table('checkpoints', {
  projection: id('projection').primaryKey(),
  version: count('version').notNull(),
  position: count('position').notNull(),
  /** Another one whenever the rows change by something else than the next events; none for rows of old. */
  build: id('build'),
});

export const parkedEvents = table(
  'parked_events',
  {
    projection: id('projection').notNull(),
    position: count('position').notNull(),
    stream: id('stream').notNull(),
    type: words('type').notNull(),
    time: timestamp('time').notNull(),
    reason: words('reason').notNull(),
  },
  ({ projection, position }) => [primaryKey({ columns: [projection, position] })],
);
