// What an executor needs to know of a table, by the names that row changes use.
import { is, Column } from 'drizzle-orm';
import { getTableConfig, type PgTable } from 'drizzle-orm/pg-core';

export type RowColumn = { readonly name: string; readonly type: string };

export type RowTable = {
  readonly name: string;
  /** By property: the names that row changes use. */
  readonly columns: ReadonlyMap<string, RowColumn>;
  /** The properties that make the primary key. */
  readonly key: readonly string[];
  /** Whether rows with different keys can exclude each other. */
  readonly hasUniqueIndex: boolean;
};

/** @param twinOf The PostgreSQL table of a declared one. */
export function rowTables(twinOf: (declared: unknown) => PgTable): (declared: unknown) => RowTable {
  const known = new Map<unknown, RowTable>();
  return (declared) => {
    const found = known.get(declared);
    if (found) return found;
    const fresh = describe(twinOf(declared));
    known.set(declared, fresh);
    return fresh;
  };
}

function describe(twin: PgTable): RowTable {
  const { name, primaryKeys, indexes } = getTableConfig(twin);
  const properties = Object.entries(twin).filter(([, value]) => is(value, Column));
  const inKey = new Set(primaryKeys.flatMap(({ columns }) => columns.map((column) => column.name)));
  return {
    name,
    columns: new Map(
      properties.map(([property, column]) => [
        property,
        { name: column.name, type: column.getSQLType().split(' ')[0] },
      ]),
    ),
    key: properties
      .filter(([, column]) => column.primary || inKey.has(column.name))
      .map(([property]) => property),
    hasUniqueIndex: indexes.some(({ config }) => config.unique),
  };
}
