import { describe, expect, test } from 'bun:test';
import { getTableConfig, type SQLiteTable } from 'drizzle-orm/sqlite-core';
import { registry } from '../events/index.ts';
import { projections } from './index.ts';

describe('the projections', () => {
  test('have a name each, and a table belongs to one of them', () => {
    const names = projections.map(({ name }) => name);
    const tables = projections.flatMap(({ tables }) =>
      tables.map((table) => getTableConfig(table as SQLiteTable).name),
    );
    expect(new Set(names).size).toBe(names.length);
    expect(new Set(tables).size).toBe(tables.length);
  });

  test('handle only events that are declared, and together all of them', () => {
    const handled = new Set(projections.flatMap(({ handles }) => [...handles]));
    expect([...handled].toSorted()).toEqual([...registry.types].toSorted());
  });
});
