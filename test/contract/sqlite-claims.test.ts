// Claims in SQLite: what is gathered, what is merged into the tree, and what a crash leaves of both.
import { Database } from 'bun:sqlite';
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { join } from 'node:path';
import { migrationsFolder } from '../../src/storage/migrate.ts';
import { openLogWriter } from '../../src/storage/sqlite/log-writer.ts';
import { openSqliteStorage } from '../../src/storage/sqlite/storage.ts';
import { temporaryDirectory } from '../../src/testing/directory.ts';
import { appendOf, streamOf, write } from '../../src/testing/log.ts';

const migrations = migrationsFolder('log', 'sqlite');

describe('the claims of an SQLite log', () => {
  let directory: ReturnType<typeof temporaryDirectory>;
  let file: string;

  beforeEach(() => {
    directory = temporaryDirectory();
    file = join(directory.path, 'log.db');
  });

  afterEach(() => directory.remove());

  /** Opens the log, does something with it, and closes it again. */
  function opened<Result>(
    use: (writer: ReturnType<typeof openLogWriter>) => Result,
    claimGenerationSize?: number,
  ): Result {
    const writer = openLogWriter(file, migrations, claimGenerationSize);
    try {
      return use(writer);
    } finally {
      writer.close();
    }
  }

  function run(statement: string) {
    const database = new Database(file);
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

  /** In the tree, and waiting to be merged into it. */
  function claimCounts() {
    const database = new Database(file, { readonly: true });
    const count = (table: string) =>
      database.query<{ n: number }, []>(`SELECT count(*) AS n FROM ${table}`).get()!.n;
    const counts = { merged: count('claims'), recent: count('recent_claims') };
    database.close();
    return counts;
  }

  const free = (key: number) => ({ release: [{ ...claim(key, 'a'), keepsOne: true }] });
  const taken = (writer: ReturnType<typeof openLogWriter>) =>
    [0, 1, 2, 3, 8_199].map((key) => writer.holderOf('sku', `${key}`) as string | undefined);

  test('are the same before, during and after a merge, and after a restart', () => {
    const before = opened((writer) => {
      writer.append([appendOf(write('a'), { take: many })]);
      writer.append([appendOf(write('a'), free(1))]);
      const first = taken(writer);
      writer.maintain();
      expect(claimCounts().recent).toBe(8_201);
      expect(isPartOfMany(claimCounts().merged)).toBe(true);
      expect(taken(writer)).toEqual(first);
      writer.append([appendOf(write('a'), free(2))]);
      writer.append([appendOf(write('b'), { take: [claim(1, 'b'), claim(2, 'b')] })]);
      const second = taken(writer);
      for (let slice = 0; slice < 20; slice += 1) {
        writer.maintain();
        expect(taken(writer)).toEqual(second);
      }
      expect(claimCounts()).toEqual({ merged: 8_199, recent: 3 });
      return second;
    }, 8_000);
    expect(before).toEqual(['test-a', 'test-b', 'test-b', 'test-a', 'test-a']);
    expect(opened(taken)).toEqual(before);
  });

  const isPartOfMany = (merged: number) => merged > 0 && merged < many.length;

  test('are known after a merge that was cut short', () => {
    const before = opened((writer) => {
      writer.append([appendOf(write('a'), { take: many })]);
      writer.maintain();
      writer.append([appendOf(write('a'), free(3))]);
      return taken(writer);
    }, 8_000);
    expect(isPartOfMany(claimCounts().merged)).toBe(true);
    opened((writer) => {
      expect(taken(writer)).toEqual(before);
      for (let slice = 0; slice < 20; slice += 1) writer.maintain();
      expect(taken(writer)).toEqual(before);
    }, 8_000);
    expect(claimCounts()).toEqual({ merged: 8_199, recent: 0 });
  });

  test('keep the last of a kind before, during and after a merge', () => {
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
      expect(claimCounts()).toEqual({ merged: 1, recent: 0 });
    }, 8_000);
  });

  test('refuse appends while they cannot be merged, and go on once they can', async () => {
    const storage = await openSqliteStorage(directory.path, () => {});
    const { log } = storage;
    const everything = Array.from({ length: 32_768 }, (_, key) => claim(key, 'a'));
    run("CREATE TRIGGER full BEFORE INSERT ON claims BEGIN SELECT RAISE(ABORT, 'full'); END");
    await log.append([appendOf(write('a'), { take: everything })]);
    const failure = await log.append([appendOf(write('b'))]).catch((error: Error) => error);
    expect(failure).toMatchObject({ message: 'full' });
    run('DROP TRIGGER full');
    expect(await log.append([appendOf(write('b'))])).toMatchObject([{ ok: true, position: 2 }]);
    expect(await log.holderOf('sku', '7')).toBe(streamOf('a'));
    expect(claimCounts().merged).toBeGreaterThan(0);
    await storage.close();
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
