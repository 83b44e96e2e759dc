import { type SQL, sql } from 'drizzle-orm';
import type { BunSQLiteDatabase } from 'drizzle-orm/bun-sqlite';
import type { SQLiteColumn } from 'drizzle-orm/sqlite-core';

/** A connection to the read models that only reads. */
export type ReadDb = BunSQLiteDatabase;

export type ListRequest = {
  readonly page: number;
  readonly limit: number;
  readonly search: string;
};

/** Matches a searchable column against the placeholder `pattern`, made by `escapeLike`. */
export function like(column: SQLiteColumn): SQL {
  return sql`${column} LIKE ${sql.placeholder('pattern')} ESCAPE '\\'`;
}

/** A pattern that finds `search` anywhere, with `%` and `_` meaning themselves. */
export function escapeLike(search: string): string {
  const literal = search
    .normalize('NFC')
    .toLowerCase()
    .replaceAll(/[\\%_]/g, String.raw`\$&`);
  return `%${literal}%`;
}
