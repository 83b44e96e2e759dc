// The PostgreSQL table of each declared one: the same names, values and order of texts. Made from the
// declaration itself, so that nobody writes a table twice, and refused where a twin would differ.
import { is, type InferSelectModel, SQL } from 'drizzle-orm';
import {
  bigint,
  boolean,
  customType,
  index,
  type PgColumn,
  type PgColumnBuilderBase,
  pgSchema,
  type PgTable,
  primaryKey,
  uniqueIndex,
} from 'drizzle-orm/pg-core';
import {
  getTableConfig,
  type Index,
  type SQLiteColumn,
  type SQLiteTable,
} from 'drizzle-orm/sqlite-core';
import { count, flag, table, words } from './columns.ts';

/** PostgreSQL keeps read models, their checkpoints and their migrations in a schema of their own. */
export const readModelSchema = 'read_model';

type Twin = ReturnType<typeof schemaOfReadModels.table>;
type Columns = Readonly<Record<string, PgColumn>>;

export const schemaOfReadModels = pgSchema(readModelSchema);
const twins = new WeakMap<object, Twin>();

/** Compared byte by byte, as SQLite does, whatever the locale of the database. */
const bytewise = customType<{ data: string }>({ dataType: () => 'text COLLATE "C"' });

const kinds = {
  SQLiteText: (name: string) => bytewise(name),
  SQLiteInteger: (name: string) => bigint(name, { mode: 'number' }),
  SQLiteBoolean: (name: string) => boolean(name),
} as const;

/**
 * The table's twin, always the same one.
 * @throws Error for a declaration that has no equal in PostgreSQL.
 */
export function twinOf(declared: SQLiteTable): PgTable {
  const known = twins.get(declared);
  if (known) return known;
  const twin = makeTwin(declared);
  twins.set(declared, twin);
  return twin;
}

function makeTwin(declared: SQLiteTable): Twin {
  const config = getTableConfig(declared);
  if (config.foreignKeys.length + config.checks.length + config.uniqueConstraints.length > 0) {
    throw new Error(`${config.name} has a constraint that has no twin; the kit has uniqueIndex.`);
  }
  const properties = propertiesOf(declared);
  const builders = properties.map(([property, column]) => [property, builderOf(column)] as const);
  return schemaOfReadModels.table(config.name, Object.fromEntries(builders), (columns) => {
    const byName = Object.fromEntries(
      properties.map(([property, { name }]) => [name, (columns as Columns)[property]!]),
    );
    return [
      ...config.indexes.map((one) => indexOf(one, byName)),
      ...config.primaryKeys.map((key) =>
        primaryKey({ columns: key.columns.map(({ name }) => byName[name]!) as never }),
      ),
    ];
  });
}

/** The columns by the names that rows have for them. */
export function propertiesOf(declared: SQLiteTable): readonly (readonly [string, SQLiteColumn])[] {
  const columns = new Set<unknown>(getTableConfig(declared).columns);
  return Object.entries(declared as unknown as Record<string, SQLiteColumn>).filter(([, value]) =>
    columns.has(value),
  );
}

function builderOf(column: SQLiteColumn): PgColumnBuilderBase {
  const kind = kinds[column.columnType as keyof typeof kinds];
  if (!kind || column.hasDefault || column.isUnique || column.generated) {
    throw new Error(`${column.name} has no twin: a column is made by the kit, without a default.`);
  }
  const builder = kind(column.name);
  if (column.notNull) builder.notNull();
  if (column.primary) builder.primaryKey();
  return builder;
}

function indexOf({ config }: Index, byName: Columns) {
  const columns = config.columns.map((column) => {
    if (is(column, SQL)) throw new Error(`${config.name} is over an expression and has no twin.`);
    return byName[column.name]!;
  });
  if (config.where) throw new Error(`${config.name} is over some rows only and has no twin.`);
  const [first, ...others] = columns;
  return (config.unique ? uniqueIndex : index)(config.name).on(first!, ...others);
}

// Compiles only while both dialects give the same rows: one of each kind, with and without a value.
const sample = table('sample', {
  words: words('words').notNull(),
  count: count('count').notNull(),
  flag: flag('flag').notNull(),
  noWords: words('no_words'),
  noCount: count('no_count'),
  noFlag: flag('no_flag'),
});
const sampleTwin = schemaOfReadModels.table('sample', {
  words: kinds.SQLiteText('words').notNull(),
  count: kinds.SQLiteInteger('count').notNull(),
  flag: kinds.SQLiteBoolean('flag').notNull(),
  noWords: kinds.SQLiteText('no_words'),
  noCount: kinds.SQLiteInteger('no_count'),
  noFlag: kinds.SQLiteBoolean('no_flag'),
});
type Same<One, Other> =
  (<T>() => T extends One ? 1 : 2) extends <T>() => T extends Other ? 1 : 2 ? true : false;
true satisfies Same<InferSelectModel<typeof sample>, InferSelectModel<typeof sampleTwin>>;
true satisfies Same<(typeof sample)['$inferInsert'], (typeof sampleTwin)['$inferInsert']>;
