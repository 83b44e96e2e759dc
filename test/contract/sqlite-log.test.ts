import { Database } from 'bun:sqlite';
import { afterEach, beforeEach, describe, expect, spyOn, test } from 'bun:test';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { productStream } from '../../src/events/products.ts';
import { registry } from '../../src/events/index.ts';
import { ChainBroken, chainStart, verifyChain } from '../../src/kernel/chain.ts';
import { createProjector } from '../../src/kernel/projector.ts';
import { LogShortened } from '../../src/kernel/projector-start.ts';
import { logStart } from '../../src/kernel/stream.ts';
import { productsProjection } from '../../src/projections/products.ts';
import { StoreTooNew } from '../../src/storage/migrate.ts';
import { openLogReader } from '../../src/storage/sqlite/event-log.ts';
import { DataDirectoryInUse, takeWriterLock } from '../../src/storage/sqlite/lock.ts';
import { openReadModel } from '../../src/storage/sqlite/read-model.ts';
import { openSqliteStorage } from '../../src/storage/sqlite/storage.ts';
import { sha256 } from '../../src/storage/sha256.ts';
import { temporaryDirectory } from '../../src/testing/directory.ts';
import { keysInMemory } from '../../src/testing/keys.ts';
import { appendOf, streamOf, write } from '../../src/testing/log.ts';
import { logFile } from './log-file.ts';

const start = { position: 0, hash: chainStart };

describe('an SQLite log', () => {
  const at = logFile();
  const { opened } = at;

  const fill = (...counts: readonly number[]) =>
    opened((writer) => counts.map((count) => writer.append([appendOf(write('a', count))])));

  /** What somebody could do who has the file and no scruples. */
  function tamper(...statements: readonly string[]) {
    const database = new Database(at.file);
    database.run('DROP TRIGGER IF EXISTS events_are_never_updated');
    database.run('DROP TRIGGER IF EXISTS events_are_never_deleted');
    for (const statement of statements) database.run(statement);
    database.close();
  }

  async function read() {
    const reader = openLogReader(at.file);
    const events = await reader.readAll(logStart, 10_000);
    reader.close();
    return events;
  }

  function breakAtOpen(): number | undefined {
    try {
      opened(() => {});
    } catch (error) {
      if (error instanceof ChainBroken) return error.position;
      throw error;
    }
    return undefined;
  }

  describe('once written', () => {
    beforeEach(() => void fill(3));

    test.each([
      ['an update', "UPDATE events SET data = '{}' WHERE position = 1"],
      ['an update of every row', 'UPDATE events SET meta = meta'],
      ['a deletion', 'DELETE FROM events WHERE position = 3'],
      ['a deletion of everything', 'DELETE FROM events'],
    ])('refuses %s', async (_, statement) => {
      const before = await read();
      const database = new Database(at.file);
      expect(() => database.run(statement)).toThrow(/events are never (changed|deleted)/);
      database.close();
      expect(await read()).toEqual(before);
    });

    test('refuses to replace an event', async () => {
      const before = await read();
      const database = new Database(at.file);
      database.run('PRAGMA recursive_triggers = ON');
      const replace = `INSERT OR REPLACE INTO events
        SELECT position, id, stream, version, type, schema_version, '{}', meta, time, hash
        FROM events WHERE position = 2`;
      expect(() => database.run(replace)).toThrow('never deleted');
      database.close();
      expect(await read()).toEqual(before);
    });

    test('goes on where it ended', () => {
      const [outcome] = opened((writer) => {
        expect(writer.head()).toBe(3 as never);
        return writer.append([appendOf(write('a'))]);
      });
      expect(outcome).toMatchObject({ ok: true, position: 4, version: 4 });
    });

    test('never lets time run backwards over a restart', async () => {
      opened((writer) =>
        writer.append([appendOf(write('a'), { time: '2030-01-01T00:00:00.000Z' })]),
      );
      fill(1);
      expect((await read()).at(-1)?.time).toBe('2030-01-01T00:00:00.000Z');
    });

    test('has its chain go on over a restart', async () => {
      fill(2);
      expect(verifyChain(await read(), start, sha256)).toHaveLength(64);
    });
  });

  describe('that was tampered with', () => {
    test.each([
      ["data = '{}'", 2],
      ["stream = 'test-b'", 1],
      ['version = 99', 3],
      ["type = 'Forged'", 3],
      ["time = '2020-01-01T00:00:00.000Z'", 2],
      ["meta = '{}'", 3],
      ["id = 'forged'", 1],
      ['schema_version = 2', 2],
      [`hash = '${'f'.repeat(64)}'`, 3],
    ])('is not opened: %s at position %i', async (change, position) => {
      fill(3);
      tamper(`UPDATE events SET ${change} WHERE position = ${position}`);
      expect(breakAtOpen()).toBe(position);
      expect(() => verifyAll()).toThrow(ChainBroken);
    });

    test('is not opened when an event is missing from its middle', () => {
      fill(5);
      tamper('DELETE FROM events WHERE position = 3');
      expect(breakAtOpen()).toBe(3);
    });

    test('is not opened when its newest events are gone', () => {
      fill(5);
      tamper('DELETE FROM events WHERE position >= 4');
      expect(breakAtOpen()).toBe(4);
    });

    test('is not opened when all of its events are gone', () => {
      fill(5);
      tamper('DELETE FROM events');
      expect(breakAtOpen()).toBe(1);
    });

    test('is not opened when its beginning is gone', () => {
      fill(5);
      tamper('DELETE FROM events WHERE position <= 2');
      expect(breakAtOpen()).toBe(1);
      expect(() => verifyAll()).toThrow(ChainBroken);
    });

    test('long ago is found by verifying all of it', async () => {
      fill(1_500);
      tamper("UPDATE events SET data = '{}' WHERE position = 7");
      expect(breakAtOpen()).toBeUndefined();
      const failure = await verifyAllOf(read()).catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(ChainBroken);
      expect((failure as ChainBroken).position).toBe(7);
    });

    test('within its newest thousand is found at each start, however long it is', () => {
      fill(1_500);
      tamper("UPDATE events SET data = '{}' WHERE position = 1400");
      expect(breakAtOpen()).toBe(1_400);
    });

    test('is refused through the Worker too, and its directory is free again at once', async () => {
      fill(3);
      tamper("UPDATE events SET data = '{}' WHERE position = 2");
      const failure = await openSqliteStorage(at.directory, () => {}).catch((error) => error);
      expect(failure).toMatchObject({ name: 'ChainBroken' });
      expect(failure.message).toContain('position 2');
      takeWriterLock(at.directory).release();
    });

    function verifyAll() {
      const database = new Database(at.file);
      const events = database
        .query('SELECT *, schema_version AS schemaVersion FROM events ORDER BY position')
        .all();
      database.close();
      verifyChain(events as never, start, sha256);
    }

    async function verifyAllOf(events: ReturnType<typeof read>) {
      verifyChain(await events, start, sha256);
    }
  });

  describe('that is shorter than its read models', () => {
    test('stops the projector instead of telling less than before', async () => {
      const keys = keysInMemory();
      const data = JSON.stringify({ name: 'Mug', sku: 'MUG', priceCents: 1, createdBy: 'ada' });
      const created = (id: string) =>
        appendOf({
          stream: productStream(id),
          expected: 'none',
          events: [{ id, type: 'ProductCreated', schemaVersion: 1, data }],
        });
      opened((writer) => writer.append([created('mug')]));
      const copy = readFileSync(at.file);
      opened((writer) => writer.append([created('cup')]));
      await project();
      await Bun.write(at.file, copy);
      await expect(project()).rejects.toBeInstanceOf(LogShortened);

      async function project() {
        const log = openLogReader(at.file);
        const readModel = openReadModel(join(at.directory, 'read-model.db'));
        const projections = [productsProjection];
        try {
          const keyring = keys.keyring();
          const projector = createProjector({ log, registry, keyring, readModel, projections });
          while (await projector.advance());
        } finally {
          readModel.close();
          log.close();
        }
      }
    });
  });

  describe('a batch whose transaction throws', () => {
    const impossible = () => {
      const one = write('b', 2);
      return { ...one, events: [one.events[0]!, { ...one.events[1]!, schemaVersion: 0 }] };
    };

    test('leaves nothing: no events, claims, command ids, versions or time', async () => {
      opened((writer) => {
        writer.append([appendOf(write('a', 2))]);
        const claim = { kind: 'email', key: 'ada', stream: streamOf('a') };
        const batch = [
          appendOf(write('a', 3), {
            commandId: 'once',
            take: [claim],
            time: '2030-01-01T00:00:00.000Z',
          }),
          appendOf(impossible()),
        ];
        expect(() => writer.append(batch)).toThrow('CHECK');
        expect(writer.head()).toBe(2 as never);
        const again = [
          appendOf(write('a', 1, 2 as never), { commandId: 'once' }),
          appendOf(write('b', 1, 'none'), { take: [{ ...claim, stream: streamOf('b') }] }),
        ];
        expect(writer.append(again)).toMatchObject([
          { ok: true, isRepeated: false, position: 3, time: '2026-01-01T00:00:00.000Z' },
          { ok: true, position: 4, version: 1 },
        ]);
      });
      expect(verifyChain(await read(), start, sha256)).toHaveLength(64);
    });

    test('fails through the Worker too, which goes on afterwards', async () => {
      const storage = await openSqliteStorage(at.directory, () => {});
      const batch = [appendOf(write('a')), appendOf(impossible())];
      const failure = await storage.log.append(batch).catch((error) => error);
      expect(failure.message).toContain('CHECK');
      expect(await storage.log.head()).toBe(logStart);
      expect(await storage.log.append([appendOf(write('a'))])).toMatchObject([{ position: 1 }]);
      await storage.close();
    });
  });

  describe('on its way to the disk', () => {
    test('is written with WAL, on a connection that leaves syncing and checkpoints to others', () => {
      const run = spyOn(Database.prototype, 'run'); // calls through; tells whose connection it was
      try {
        opened((writer) => {
          writer.append([appendOf(write('a'))]);
          const connections = new Set(run.mock.contexts as unknown as Database[]);
          const [writing, ...others] = [...connections].filter((one) => one.filename === at.file);
          expect(others).toEqual([]);
          const pragma = (name: string) => Object.values(writing!.query(`PRAGMA ${name}`).get()!);
          expect(pragma('journal_mode')).toEqual(['wal']);
          expect(pragma('synchronous')).toEqual([1]);
          expect(pragma('wal_autocheckpoint')).toEqual([0]);
          expect(pragma('foreign_keys')).toEqual([1]);
          expect(pragma('busy_timeout')).toEqual([50]);
        });
      } finally {
        run.mockRestore();
      }
    });

    test('lies whole in its file once it is closed', async () => {
      fill(3);
      expect(existsSync(`${at.file}-wal`) && readFileSync(`${at.file}-wal`).length > 0).toBe(false);
      const copy = join(at.directory, 'copy.db');
      await Bun.write(copy, Bun.file(at.file));
      const reader = openLogReader(copy);
      expect(await reader.head()).toBe(3 as never);
      reader.close();
    });
  });

  test('that a newer version has migrated is refused', () => {
    fill(1);
    const database = new Database(at.file);
    const insert = 'INSERT INTO __drizzle_migrations (hash, created_at) VALUES (?, ?)';
    database.run(insert, ['newer', Date.parse('2099-01-01')]);
    database.close();
    expect(() => opened(() => {})).toThrow(StoreTooNew);
  });
});

describe('the writer of a data directory', () => {
  let directory: ReturnType<typeof temporaryDirectory>;
  let ending: (() => void)[];

  beforeEach(() => {
    directory = temporaryDirectory();
    ending = [];
  });

  afterEach(() => {
    for (const end of ending) end();
    directory.remove();
  });

  const holder = `
    const { takeWriterLock } = await import(process.argv[1] + '/src/storage/sqlite/lock.ts');
    globalThis.held = takeWriterLock(process.argv[2]); // collected, it would be released
    console.log('held');
    setInterval(() => {}, 1_000);
  `;

  /** Another process that holds the directory until it is killed, at the end at the latest. */
  async function holdElsewhere() {
    const root = join(import.meta.dir, '../..');
    const child = Bun.spawn([process.execPath, '-e', holder, root, directory.path], {
      stdout: 'pipe',
      stderr: 'inherit',
    });
    ending.push(() => child.kill('SIGKILL'));
    for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
      if (text.includes('held')) break;
    }
    return child;
  }

  test('is the only one in its process', async () => {
    const first = await openSqliteStorage(directory.path, () => {});
    const failure = await openSqliteStorage(directory.path, () => {}).catch((error) => error);
    expect(failure).toMatchObject({ name: 'DataDirectoryInUse' });
    expect(failure.message).toContain(directory.path);
    expect(failure.message).toContain(`process ${process.pid}`);

    await first.log.append([appendOf(write('a'))]);
    await first.close();
    const second = await openSqliteStorage(directory.path, () => {});
    expect(await second.log.head()).toBe(1 as never);
    await second.close();
  });

  test('is the only one of all processes, until it is killed', async () => {
    const other = await holdElsewhere();
    expect(() => takeWriterLock(directory.path)).toThrow(DataDirectoryInUse);
    expect(() => takeWriterLock(directory.path)).toThrow(`process ${other.pid}`);
    other.kill('SIGKILL');
    await other.exited;
    takeWriterLock(directory.path).release();
  });
});
