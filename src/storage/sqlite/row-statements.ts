// Turns row changes into prepared statements, one for each shape of change, prepared on first use.
// Drizzle writes the SQL and says how each column is encoded; binding is done here, because a replay
// binds millions of rows.
import type { Database, SQLQueryBindings } from 'bun:sqlite';
import { and, eq, is, Param, Placeholder, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/bun-sqlite';
import { getTableConfig, type SQLiteColumn, type SQLiteTable } from 'drizzle-orm/sqlite-core';
import type { RowChange } from '../../kernel/projection.ts';
import { keptValue } from '../kept-value.ts';
import { NoSuchRow } from '../no-such-row.ts';

type Values = Record<string, unknown>;
type Statement = { readonly run: (values: Values) => { readonly changes: number } };
type Query = { readonly sql: string; readonly params: readonly unknown[] };
type Binding = (values: Values) => SQLQueryBindings;
type Columns = Record<string, SQLiteColumn>;

export function rowStatements(database: Database) {
  const db = drizzle(database);
  const prepared = new Map<SQLiteTable, Map<string, Statement>>();

  function statementFor(table: SQLiteTable, shape: string, prepare: () => Statement): Statement {
    const ofTable = prepared.get(table) ?? new Map<string, Statement>();
    prepared.set(table, ofTable);
    const known = ofTable.get(shape);
    if (known) return known;
    const fresh = prepare();
    ofTable.set(shape, fresh);
    return fresh;
  }

  function matching(table: SQLiteTable, names: readonly string[]) {
    const columns = table as unknown as Columns;
    return and(...names.map((name) => eq(columns[name]!, sql.placeholder(`key_${name}`))));
  }

  function prepare(change: RowChange<SQLiteTable>): Statement {
    const query = describe(change);
    const statement = database.query<unknown, SQLQueryBindings[]>(query.sql);
    const bindings = query.params.map(bindingOf);
    return { run: (values) => statement.run(...bindings.map((bind) => bind(values))) };
  }

  function describe(change: RowChange<SQLiteTable>): Query {
    const { table } = change;
    switch (change.kind) {
      case 'insert':
        return db
          .insert(table)
          .values(placeholders(Object.keys(change.row)))
          .toSQL();
      case 'patch':
        return db
          .update(table)
          .set(placeholders(Object.keys(change.values)))
          .where(matching(table, Object.keys(change.key)))
          .toSQL();
      case 'increment': {
        const columns = table as unknown as Columns;
        const sums = Object.keys(change.by).map((name) => [
          name,
          sql`${columns[name]} + ${sql.placeholder(name)}`,
        ]);
        return db
          .update(table)
          .set(Object.fromEntries(sums) as never)
          .where(matching(table, Object.keys(change.key)))
          .toSQL();
      }
      case 'remove':
        return db
          .delete(table)
          .where(matching(table, Object.keys(change.key)))
          .toSQL();
      case 'erase': {
        const { values, key } = change;
        return describe(
          values ? { kind: 'patch', table, key, values } : { kind: 'remove', table, key },
        );
      }
    }
  }

  /** @throws NoSuchRow when a change that is meant for one row finds none. */
  return function run(change: RowChange<SQLiteTable>): void {
    const { shape, values } = shapeOf(change);
    const statement = statementFor(change.table, shape, () => prepare(change));
    const { changes } = statement.run(values);
    if (changes === 0 && change.kind !== 'erase') {
      const { table, ...sought } = change;
      throw new NoSuchRow(getTableConfig(table).name, 'key' in sought ? sought.key : sought.row);
    }
  };
}

/** How one parameter gets its value: a placeholder, encoded as its column wants it. */
function bindingOf(parameter: unknown): Binding {
  if (is(parameter, Placeholder)) return (values) => keptValue(values[parameter.name]);
  if (is(parameter, Param) && is(parameter.value, Placeholder)) {
    const { encoder, value } = parameter;
    return (values) => keptValue(encoder.mapToDriverValue(values[value.name]));
  }
  return () => parameter as SQLQueryBindings;
}

function placeholders(names: readonly string[]) {
  return Object.fromEntries(names.map((name) => [name, sql.placeholder(name)])) as never;
}

function shapeOf(change: RowChange): { readonly shape: string; readonly values: Values } {
  if (change.kind === 'insert')
    return { shape: `insert ${Object.keys(change.row)}`, values: change.row };
  const values: Values = {};
  let shape: string = change.kind;
  for (const name in change.key) {
    values[`key_${name}`] = change.key[name];
    shape += ` ${name}`;
  }
  const assigned = assignedBy(change);
  for (const name in assigned) {
    values[name] = assigned[name];
    shape += `,${name}`;
  }
  return { shape, values };
}

function assignedBy(change: Exclude<RowChange, { kind: 'insert' }>): Values {
  switch (change.kind) {
    case 'increment':
      return change.by;
    case 'remove':
      return {};
    default:
      return change.values ?? {};
  }
}
