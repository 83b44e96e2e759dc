// Descriptions of row changes, typed by the table they are for; an engine applies them.
import type { InferInsertModel, Table } from 'drizzle-orm';
import type { RowChange } from '../kernel/projection.ts';

type Row<Of extends Table> = InferInsertModel<Of>;
type Part<Of extends Table> = Partial<Row<Of>>;
type NumberColumns<Of extends Table> = {
  readonly [Name in keyof Row<Of> as Row<Of>[Name] extends number ? Name : never]?: number;
};

export function insert<Of extends Table>(table: Of, row: Row<Of>): RowChange {
  return { kind: 'insert', table, row };
}

export function patch<Of extends Table>(table: Of, key: Part<Of>, values: Part<Of>): RowChange {
  return { kind: 'patch', table, key, values };
}

export function increment<Of extends Table>(
  table: Of,
  key: Part<Of>,
  by: NumberColumns<Of>,
): RowChange {
  return { kind: 'increment', table, key, by: by as Readonly<Record<string, number>> };
}

export function remove<Of extends Table>(table: Of, key: Part<Of>): RowChange {
  return { kind: 'remove', table, key };
}

/** Of all rows that match: puts `values` in the place of what must go, or takes the rows out. */
export function erase<Of extends Table>(table: Of, key: Part<Of>, values?: Part<Of>): RowChange {
  return { kind: 'erase', table, key, ...(values && { values }) };
}

/** What a search compares: no difference of case or of Unicode spelling. */
export function searchable(...texts: readonly string[]): string {
  return texts.map((text) => text.normalize('NFC').toLowerCase()).join('\n');
}
