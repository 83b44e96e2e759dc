// Turns the changes of many events into few statements. Changes of one row keep their order: what can
// be folded into the change before it is, and what cannot goes one level further. Changes of different
// rows do not touch each other, so that a level's changes of one kind and shape make one group.
import type { RowChange } from '../../kernel/projection.ts';
import type { RowTable } from './row-tables.ts';

type Values = Readonly<Record<string, unknown>>;

export type Row = { readonly key: Values; readonly values: Values };

export type Group = {
  readonly kind: RowChange['kind'];
  readonly table: RowTable;
  readonly key: readonly string[];
  readonly names: readonly string[];
  readonly rows: readonly Row[];
};

type Folded = {
  readonly kind: RowChange['kind'];
  readonly table: RowTable;
  readonly key: Values;
  values: Record<string, unknown>;
  readonly level: number;
};

/** A change as a group of its own. */
export function groupOf(change: RowChange, table: RowTable): Group {
  const { kind } = change;
  const { key, values } = partsOf(change);
  const [keyNames, names] = [Object.keys(key), Object.keys(values)];
  return { kind, table, key: keyNames, names, rows: [{ key, values }] };
}

/** All changes as groups, to be applied one after another. */
export function groupsOf(
  changes: Iterable<{ readonly change: RowChange }>,
  tableOf: (declared: unknown) => RowTable,
): readonly Group[] {
  const latest = new Map<RowTable, Map<unknown, Folded>>();
  const folded: Folded[] = [];
  let floor = 0;
  let highest = 0;

  function add(one: Folded) {
    folded.push(one);
    highest = Math.max(highest, one.level);
  }

  for (const { change } of changes) {
    const table = tableOf(change.table);
    const { kind } = change;
    const { key, values } = partsOf(change);
    if (!isOfOneRow(change, table)) {
      // It may touch any row: nothing crosses it.
      add({ kind, table, key, values: { ...values }, level: highest + 1 });
      floor = highest + 1;
      continue;
    }
    const ofTable = latest.get(table) ?? new Map<unknown, Folded>();
    latest.set(table, ofTable);
    const identity = identityOf(kind === 'insert' ? values : key, table.key);
    const before = ofTable.get(identity);
    if (before && before.level >= floor && fold(before, kind, values)) continue;
    const level = Math.max(floor, (before?.level ?? -1) + 1);
    const one = { kind, table, key, values: { ...values }, level };
    add(one);
    ofTable.set(identity, one);
  }
  return gather(folded);
}

function partsOf(change: RowChange): Row {
  switch (change.kind) {
    case 'insert':
      return { key: {}, values: change.row };
    case 'patch':
      return { key: change.key, values: change.values };
    case 'increment':
      return { key: change.key, values: change.by };
    case 'remove':
      return { key: change.key, values: {} };
    case 'erase':
      return { key: change.key, values: change.values ?? {} };
  }
}

/** Whether it names its row by the primary key, leaves the key alone, and no other row can refuse it. */
function isOfOneRow(change: RowChange, { key, hasUniqueIndex }: RowTable): boolean {
  if (hasUniqueIndex || change.kind === 'erase') return false;
  const { key: sought, values } = partsOf(change);
  if (change.kind === 'insert') return key.every((name) => name in values);
  return (
    Object.keys(sought).length === key.length &&
    key.every((name) => name in sought && !(name in values))
  );
}

function identityOf(values: Values, key: readonly string[]): unknown {
  return key.length === 1 ? values[key[0]!] : JSON.stringify(key.map((name) => values[name]));
}

/** Whether a change of the same row could be taken into the one before it. */
function fold(before: Folded, kind: RowChange['kind'], values: Values): boolean {
  if (kind === 'patch' && (before.kind === 'insert' || before.kind === 'patch')) {
    Object.assign(before.values, values);
    return true;
  }
  const isSum = before.kind === 'insert' || before.kind === 'increment';
  const names = Object.keys(values);
  if (kind !== 'increment' || !isSum) return false;
  if (!names.every((name) => typeof before.values[name] === 'number')) return false;
  for (const name of names)
    before.values[name] = (before.values[name] as number) + (values[name] as number);
  return true;
}

function gather(folded: readonly Folded[]): readonly Group[] {
  const levels: Map<string, Group & { readonly rows: Row[] }>[] = [];
  for (const { kind, table, key, values, level } of folded) {
    const [keyNames, names] = [Object.keys(key).toSorted(), Object.keys(values).toSorted()];
    const groups = (levels[level] ??= new Map());
    const shape = `${kind} ${table.name} ${keyNames.join()} ${names.join()}`;
    const group = groups.get(shape);
    if (group) group.rows.push({ key, values });
    else groups.set(shape, { kind, table, key: keyNames, names, rows: [{ key, values }] });
  }
  return levels.flatMap((groups) => Array.from(groups?.values() ?? []));
}
