import { describe, expect, test } from 'bun:test';
import { sql } from 'drizzle-orm';
import { getTableConfig } from 'drizzle-orm/pg-core';
import { count, flag, id, index, table, uniqueIndex, words } from './columns.ts';
import { parkedEvents } from './checkpoints.ts';
import { twinOf } from './twins.ts';

const books = table(
  'books',
  { id: id('id').primaryKey(), title: words('the_title').notNull(), pages: count('pages') },
  ({ title, pages }) => [index('by_title').on(title, pages), uniqueIndex('one_title').on(title)],
);

describe('the twin of a table', () => {
  test('is always the same one', () => {
    expect(twinOf(books)).toBe(twinOf(books));
  });

  test('has the same names, rules and indexes in a schema of its own', () => {
    const { name, schema, columns, indexes } = getTableConfig(twinOf(books));
    expect({ name, schema }).toEqual({ name: 'books', schema: 'read_model' });
    expect(columns.map((one) => [one.name, one.getSQLType(), one.notNull, one.primary])).toEqual([
      ['id', 'text COLLATE "C"', true, true],
      ['the_title', 'text COLLATE "C"', true, false],
      ['pages', 'bigint', false, false],
    ]);
    expect(
      indexes.map(({ config }) => [config.name, config.unique, config.columns.length]),
    ).toEqual([
      ['by_title', false, 2],
      ['one_title', true, 1],
    ]);
    const [key] = getTableConfig(twinOf(parkedEvents)).primaryKeys;
    expect(key!.columns.map(({ name }) => name)).toEqual(['projection', 'position']);
  });

  test('is refused where it would be another table', () => {
    const withDefault = table('a', { isNew: flag('is_new').default(true) });
    const withUnique = table('b', { name: words('name').unique() });
    const partial = table('c', { name: words('name') }, ({ name }) => [
      index('some')
        .on(name)
        .where(sql`name <> ''`),
    ]);
    const computed = table('d', { name: words('name') }, ({ name }) => [
      index('lower').on(sql`lower(${name})`),
    ]);
    for (const one of [withDefault, withUnique, partial, computed]) {
      expect(() => getTableConfig(twinOf(one))).toThrow('no twin');
    }
  });
});
