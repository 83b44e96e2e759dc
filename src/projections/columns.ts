// One kit of column builders, so that a table is declared once for every dialect. What is declared is
// the SQLite table; its twin in PostgreSQL is in twins.ts.
import { integer, sqliteTable, text } from 'drizzle-orm/sqlite-core';

export const table = sqliteTable;
export { index, uniqueIndex } from 'drizzle-orm/sqlite-core';

/** UUIDs, stream names and other short names. */
export const id = (name: string) => text(name);
export const words = (name: string) => text(name);
/** ISO 8601 UTC text. */
export const timestamp = (name: string) => text(name);
export const count = (name: string) => integer(name);
export const flag = (name: string) => integer(name, { mode: 'boolean' });
