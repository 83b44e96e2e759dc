// Claims in SQLite: what is gathered, what is indexed, and what a crash leaves of both.
import { Database } from 'bun:sqlite';
import { describe, expect, test } from 'bun:test';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { migrateFile } from '../../src/storage/sqlite/connection.ts';
import type { openLogWriter } from '../../src/storage/sqlite/log-writer.ts';
import { openSqliteStorage } from '../../src/storage/sqlite/storage.ts';
import { appendOf, streamOf, write } from '../../src/testing/log.ts';
import { logFile, logMigrations } from './log-file.ts';

/** The log's migrations as they were at first, in a folder of their own. */
function onlyTheFirstMigration(directory: string): string {
  const folder = join(directory, 'migrations');
  cpSync(logMigrations, folder, { recursive: true });
  const journal = join(folder, 'meta', '_journal.json');
  const { entries, ...rest } = JSON.parse(readFileSync(journal, 'utf8')) as { entries: unknown[] };
  writeFileSync(journal, JSON.stringify({ ...rest, entries: entries.slice(0, 1) }));
  return folder;
}

describe('the claims of an SQLite log', () => {
  const at = logFile();
  const { opened } = at;

  function run(statement: string) {
    const database = new Database(at.file);
    database.run(statement);
    database.close();
  }

  const claim = (key: string | number, holder: string) => ({
    kind: 'sku',
    key: `${key}`,
    stream: streamOf(holder),
  });
  const many = Array.from({ length: 8_200 }, (_, key) => claim(key, 'a'));

  test('are known again after a restart', () => {
    opened((writer) => {
      writer.append([appendOf(write('a'), { take: [claim(1, 'a'), claim(2, 'a')] })]);
      const release = [{ ...claim(2, 'a'), keepsOne: false }];
      writer.append([appendOf(write('a'), { release })]);
    });
    opened((writer) => {
      expect(writer.holderOf('sku', '1')).toBe(streamOf('a'));
      expect(writer.holderOf('sku', '2')).toBeUndefined();
      const [outcome] = writer.append([appendOf(write('b'), { take: [claim(1, 'b')] })]);
      expect(outcome).toEqual({ ok: false, reason: 'claim-taken', kind: 'sku' });
    });
  });

  /** All rows, those in the index, and those that a start would gather in memory. */
  function claimCounts() {
    const database = new Database(at.file, { readonly: true });
    const count = (rows: string) =>
      database.query<{ n: number }, []>(`SELECT count(*) AS n FROM ${rows}`).get()!.n;
    const counts = {
      rows: count('claims'),
      indexed: count('claim_index'),
      recent: count('claims, claims_indexed WHERE sequence > through'),
    };
    database.close();
    return counts;
  }

  const free = (key: number) => ({ release: [{ ...claim(key, 'a'), keepsOne: true }] });
  const taken = (writer: ReturnType<typeof openLogWriter>) =>
    [0, 1, 2, 3, 8_199].map((key) => writer.holderOf('sku', `${key}`) as string | undefined);

  test('are the same before, during and after indexing, and after a restart', () => {
    const before = opened((writer) => {
      writer.append([appendOf(write('a'), { take: many })]);
      writer.append([appendOf(write('a'), free(1))]);
      const first = taken(writer);
      writer.maintain();
      expect(claimCounts().recent).toBe(8_201);
      expect(isPartOfMany(claimCounts().indexed)).toBe(true);
      expect(taken(writer)).toEqual(first);
      writer.append([appendOf(write('a'), free(2))]);
      writer.append([appendOf(write('b'), { take: [claim(1, 'b'), claim(2, 'b')] })]);
      const second = taken(writer);
      for (let slice = 0; slice < 20; slice += 1) {
        writer.maintain();
        expect(taken(writer)).toEqual(second);
      }
      // Of 8,201 rows one is void, and one says that a name is free; three more wait.
      expect(claimCounts()).toEqual({ rows: 8_199 + 3, indexed: 8_199, recent: 3 });
      return second;
    }, 8_000);
    expect(before).toEqual(['test-a', 'test-b', 'test-b', 'test-a', 'test-a']);
    expect(opened(taken)).toEqual(before);
  });

  const isPartOfMany = (indexed: number) => indexed > 0 && indexed < many.length;

  test('are known after indexing was cut short', () => {
    const before = opened((writer) => {
      writer.append([appendOf(write('a'), { take: many })]);
      writer.maintain();
      writer.append([appendOf(write('a'), free(3))]);
      return taken(writer);
    }, 8_000);
    expect(isPartOfMany(claimCounts().indexed)).toBe(true);
    opened((writer) => {
      expect(taken(writer)).toEqual(before);
      for (let slice = 0; slice < 20; slice += 1) writer.maintain();
      expect(taken(writer)).toEqual(before);
    }, 8_000);
    expect(claimCounts()).toEqual({ rows: 8_199, indexed: 8_199, recent: 0 });
  });

  test('keep the last of a kind before, during and after indexing', () => {
    opened((writer) => {
      writer.append([appendOf(write('a'), { take: many })]);
      const release = many.slice(1).map((one) => ({ ...one, keepsOne: false }));
      writer.append([appendOf(write('a'), { release })]);
      const last = appendOf(write('a'), free(0));
      const refused = { ok: false, reason: 'last-claim', kind: 'sku' } as const;
      for (let slice = 0; slice < 20; slice += 1) {
        expect(writer.append([last])).toEqual([refused]);
        writer.maintain();
      }
      expect(claimCounts()).toEqual({ rows: 1, indexed: 1, recent: 0 });
    }, 8_000);
  });

  test('refuse appends while they cannot be indexed, and go on once they can', async () => {
    const storage = await openSqliteStorage(at.directory, () => {});
    const { log } = storage;
    const everything = Array.from({ length: 32_768 }, (_, key) => claim(key, 'a'));
    run("CREATE TRIGGER full BEFORE INSERT ON claim_index BEGIN SELECT RAISE(ABORT, 'full'); END");
    await log.append([appendOf(write('a'), { take: everything })]);
    const failure = await log.append([appendOf(write('b'))]).catch((error: Error) => error);
    expect(failure).toMatchObject({ message: 'full' });
    run('DROP TRIGGER full');
    expect(await log.append([appendOf(write('b'))])).toMatchObject([{ ok: true, position: 2 }]);
    expect(await log.holderOf('sku', '7')).toBe(streamOf('a'));
    expect(claimCounts().indexed).toBeGreaterThan(0);
    await storage.close();
  });

  test('leave no row behind once they are released or change hands', () => {
    const changes = [
      { take: [claim(1, 'a'), claim(2, 'a')] },
      { release: [{ ...claim(1, 'a'), keepsOne: false }] },
      { take: [claim(1, 'b')] },
      { release: [{ ...claim(2, 'a'), keepsOne: false }] },
    ];
    const indexEachTime = (writer: ReturnType<typeof openLogWriter>) => {
      for (const change of changes) {
        writer.append([appendOf(write('a'), change)]);
        for (let slice = 0; slice < 3; slice += 1) writer.maintain();
      }
      expect(writer.holderOf('sku', '1')).toBe(streamOf('b'));
      expect(writer.holderOf('sku', '2')).toBeUndefined();
    };
    opened(indexEachTime, 1);
    expect(claimCounts()).toEqual({ rows: 1, indexed: 1, recent: 0 });
  });

  test('leave no row behind when they are passed on between two rounds of indexing', () => {
    const release = [{ ...claim(1, 'a'), keepsOne: false }];
    opened((writer) => {
      writer.append([appendOf(write('a'), { take: [claim(1, 'a'), claim(2, 'a')] })]);
      for (let slice = 0; slice < 3; slice += 1) writer.maintain();
      writer.append([appendOf(write('a'), { release })]);
      writer.append([appendOf(write('b'), { take: [claim(1, 'b')] })]);
      writer.maintain();
      expect(writer.holderOf('sku', '1')).toBe(streamOf('b'));
    }, 2);
    expect(claimCounts()).toEqual({ rows: 2, indexed: 2, recent: 0 });
  });

  test('are told apart though the index sees only the beginning of their keys', () => {
    const [first, second] = [claim('same-beginning-1', 'a'), claim('same-beginning-2', 'b')];
    opened((writer) => {
      writer.append([appendOf(write('a'), { take: [first] })]);
      writer.maintain();
      expect(writer.holderOf('sku', second.key)).toBeUndefined();
      writer.append([appendOf(write('b'), { take: [second] })]);
      writer.maintain();
      const release = [{ ...second, keepsOne: false }];
      writer.append([appendOf(write('b'), { release })]);
      writer.maintain();
      expect(writer.holderOf('sku', first.key)).toBe(first.stream);
      expect(writer.holderOf('sku', second.key)).toBeUndefined();
    }, 1);
    expect(claimCounts()).toEqual({ rows: 1, indexed: 1, recent: 0 });
  });

  test('of a log from before the index are found in it', () => {
    const before = new Database(at.file);
    migrateFile(before, onlyTheFirstMigration(at.directory));
    before.run(`INSERT INTO claims (kind, key, stream) VALUES
      ('sku', 'kept', 'test-a'), ('sku', 'freed', 'test-a'), ('sku', 'moved', 'test-a')`);
    before.run(`INSERT INTO recent_claims (kind, key, stream) VALUES
      ('sku', 'freed', ''), ('sku', 'moved', ''), ('sku', 'moved', 'test-b'), ('sku', 'new', 'test-c')`);
    before.close();
    const names = ['kept', 'freed', 'moved', 'new'];
    const holders = opened((writer) => names.map((name) => writer.holderOf('sku', name)));
    expect(holders as unknown[]).toEqual(['test-a', undefined, 'test-b', 'test-c']);
    expect(claimCounts()).toEqual({ rows: 3, indexed: 3, recent: 0 });
  });

  test('are not those that a failed batch took, though they stood in memory', () => {
    opened((writer) => {
      writer.append([appendOf(write('a'), { take: [claim(1, 'a')] })]);
      const broken = { ...write('b'), events: [{ ...write('b').events[0]!, schemaVersion: 0 }] };
      const release = [{ ...claim(1, 'a'), keepsOne: false }];
      const batch = [appendOf(write('a'), { take: [claim(2, 'a')], release }), appendOf(broken)];
      expect(() => writer.append(batch)).toThrow();
      expect(writer.holderOf('sku', '1')).toBe(streamOf('a'));
      expect(writer.holderOf('sku', '2')).toBeUndefined();
    });
  });
});
