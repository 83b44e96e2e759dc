// Queries are written once, on the declared tables; an engine brings its own of these and its own way of
// preparing statements.
import { type SQL, sql } from 'drizzle-orm';
import type { BunSQLiteDatabase } from 'drizzle-orm/bun-sqlite';
import type { SQLiteColumn, SQLiteTable } from 'drizzle-orm/sqlite-core';

type Values = Readonly<Record<string, string | number | boolean>>;

/** A query that can be prepared; `Row` is what it gives. */
export type Preparable<Row> = {
  readonly prepare: () => {
    readonly all: (values?: Record<string, unknown>) => Row[];
    readonly get: (values?: Record<string, unknown>) => Row | undefined;
  };
};

/** A connection to the read models that only reads. */
export type ReadDb = {
  readonly db: Pick<BunSQLiteDatabase, 'select'>;
  /** The declared table as this engine knows it. */
  readonly tableOf: <Table extends SQLiteTable>(declared: Table) => Table;
  /** Prepares a query once; each call binds its placeholders and answers all rows. */
  readonly all: <Row>(query: Preparable<Row>) => (values: Values) => Promise<Row[]>;
  /** Like `all`, for queries that give one row or none. */
  readonly first: <Row>(query: Preparable<Row>) => (values: Values) => Promise<Row | undefined>;
};

type Tables = Readonly<Record<string, SQLiteTable>>;

/**
 * A feature's queries on the tables that it names.
 * @param build Called once for each connection, with the tables of its engine; it prepares statements.
 */
export function defineQueries<Named extends Tables, Queries>(
  tables: Named,
  build: (tables: Named, reads: ReadDb) => Queries,
): (reads: ReadDb) => Queries {
  return (reads) => {
    const own = Object.entries(tables).map(([name, table]) => [name, reads.tableOf(table)]);
    return build(Object.fromEntries(own) as Named, reads);
  };
}

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
