// One statement for a group of any size: each column's values are one array, so that PostgreSQL parses
// and plans a shape of change once a connection. Names are those of declared columns, never input.
import { keptValue } from '../kept-value.ts';
import type { Group, Row } from './row-groups.ts';
import type { RowTable } from './row-tables.ts';

export type Statement = { readonly text: string; readonly values: readonly string[] };

/** @throws UnkeptValue */
export function statementOf(schema: string, group: Group): Statement {
  const { key, names, rows } = group;
  return {
    text: textOf(`"${schema}"."${group.table.name}"`, group),
    values: [
      ...key.map((name) => arrayOf(rows, ({ key }) => key[name])),
      ...names.map((name) => arrayOf(rows, ({ values }) => values[name])),
    ],
  };
}

function textOf(target: string, { kind, table, key, names }: Omit<Group, 'rows'>): string {
  const all = [...key, ...names];
  const arrays = all.map((name, index) => `$${index + 1}::text::${columnOf(table, name).type}[]`);
  const given = `unnest(${arrays.join(', ')}) AS given(${all.map((_, index) => `v${index}`).join(', ')})`;
  const matches = key.map((name, index) => `kept.${quoted(table, name)} = given.v${index}`);
  const where = `WHERE ${matches.join(' AND ')}`;
  const set = (sum: boolean) =>
    names.map((name, index) => {
      const column = quoted(table, name);
      const value = `given.v${key.length + index}`;
      return `${column} = ${sum ? `kept.${column} + ${value}` : value}`;
    });
  switch (kind) {
    case 'insert':
      return `INSERT INTO ${target} (${names.map((name) => quoted(table, name)).join(', ')}) SELECT * FROM ${given}`;
    case 'patch':
    case 'increment':
      return `UPDATE ${target} AS kept SET ${set(kind === 'increment').join(', ')} FROM ${given} ${where}`;
    case 'erase':
      if (names.length > 0) return textOf(target, { kind: 'patch', table, key, names });
      return `DELETE FROM ${target} AS kept USING ${given} ${where}`;
    case 'remove':
      return `DELETE FROM ${target} AS kept USING ${given} ${where}`;
  }
}

function quoted(table: RowTable, property: string): string {
  return `"${columnOf(table, property).name}"`;
}

function columnOf(table: RowTable, property: string) {
  const column = table.columns.get(property);
  if (!column) throw new Error(`${table.name} has no column ${property}.`);
  return column;
}

/** An array as PostgreSQL writes it, which goes as text, so that the driver need not know its type. */
function arrayOf(rows: readonly Row[], valueOf: (row: Row) => unknown): string {
  return `{${rows.map((row) => elementOf(valueOf(row))).join(',')}}`;
}

function elementOf(value: unknown): string {
  const kept = keptValue(value);
  if (kept === null) return 'NULL';
  if (typeof kept !== 'string') return String(kept);
  return `"${/["\\]/.test(kept) ? kept.replaceAll(/["\\]/g, String.raw`\$&`) : kept}"`;
}
