// What deleted rows leave in an SQLite file: `secure_delete` clears where they stood, and not the copies in the gaps
// of pages whose rows moved to others.
import type { Database } from 'bun:sqlite';
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openForReading, openForWriting } from '../../src/storage/sqlite/connection.ts';
import { createScrub } from '../../src/storage/sqlite/scrub.ts';
import { temporaryDirectory } from '../../src/testing/directory.ts';
import { seededRandom } from '../../src/testing/random.ts';

const rowCount = 6_000;
const people = 30;

let directory: ReturnType<typeof temporaryDirectory>;
let file: string;
let database: Database;

beforeEach(() => {
  directory = temporaryDirectory();
  file = join(directory.path, 'rows.db');
  database = openForWriting(file, 'relaxed');
});

afterEach(() => {
  database.close();
  directory.remove();
});

/** Rows of many, which come, grow and go, so that pages are split and merged. */
function fill() {
  const random = seededRandom('scrub');
  database.run('CREATE TABLE rows (id TEXT PRIMARY KEY, person INTEGER, text TEXT)');
  database.run('CREATE INDEX rows_by_text ON rows (text)');
  const insert = database.query('INSERT INTO rows VALUES (?, ?, ?)');
  const grow = database.query('UPDATE rows SET text = text || ? WHERE id = ?');
  const ids: string[] = [];
  database.transaction(() => {
    for (let index = 0; index < rowCount; index += 1) {
      const [id, person] = [crypto.randomUUID(), index % people];
      ids.push(id);
      insert.run(id, person, `SECRET-${person}-${'x'.repeat(random.below(300))}`);
      if (index % 3 === 0) grow.run('y'.repeat(random.below(300)), ids[random.below(ids.length)]!);
    }
  })();
}

const isErased = (person: number) => person % 2 === 0;

function erase(need: () => void) {
  database.transaction(() => {
    database.run('DELETE FROM rows WHERE person % 2 = 0');
    need();
  })();
}

function leftOvers(): number {
  let count = 0;
  for (const suffix of ['', '-wal']) {
    const text = readFileSync(file + suffix).toString('latin1');
    for (const [, person] of text.matchAll(/SECRET-(\d+)-/g))
      if (isErased(Number(person))) count += 1;
  }
  return count;
}

describe('a file that is scrubbed', () => {
  test('holds nothing of what was deleted, in no page and no WAL', () => {
    const scrub = createScrub(database);
    fill();
    erase(scrub.need);
    expect(leftOvers()).toBeGreaterThan(0);
    scrub.run();
    expect(leftOvers()).toBe(0);
    const kept = database.query<{ count: number }, []>('SELECT count(*) AS count FROM rows').get();
    expect(kept!.count).toBe(rowCount / 2);
  });

  test('is so by whoever opens it next, when a crash came between', () => {
    fill();
    erase(createScrub(database).need);
    database.close();
    database = openForWriting(file, 'relaxed');
    createScrub(database).run();
    expect(leftOvers()).toBe(0);
  });

  test('is written anew only when something was deleted', () => {
    const scrub = createScrub(database);
    fill();
    const writes = () =>
      database.query<{ log: number }, []>('PRAGMA wal_checkpoint(NOOP)').get()!.log;
    const before = writes();
    scrub.run();
    expect(writes()).toBe(before);
  });

  test('is so again while a reader keeps an old snapshot, and says so until then', () => {
    const scrub = createScrub(database);
    fill();
    const reader = openForReading(file);
    reader.run('BEGIN');
    reader.query('SELECT count(*) FROM rows').get();
    erase(scrub.need);
    database.run('PRAGMA busy_timeout = 0');
    expect(() => scrub.run()).toThrow('Somebody still reads');
    expect(leftOvers()).toBeGreaterThan(0);
    reader.run('COMMIT');
    reader.close();
    scrub.run();
    expect(leftOvers()).toBe(0);
  });

  test('is due until the copies elsewhere are gone, too', () => {
    let areGone = false;
    const scrub = createScrub(database, () => areGone);
    const isDue = () =>
      database.query<{ user_version: number }, []>('PRAGMA user_version').get()!.user_version === 1;
    fill();
    erase(scrub.need);
    scrub.run();
    expect(isDue()).toBe(true);
    areGone = true;
    scrub.run();
    expect(isDue()).toBe(false);
  });
});
