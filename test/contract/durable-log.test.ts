// What is acknowledged has been synced, and nobody sees anything earlier.
import { describe, expect, spyOn, test } from 'bun:test';
import { readFileSync, rmSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { logStart, noEvents, type Position } from '../../src/kernel/stream.ts';
import { createDurableLog, LogNotDurable } from '../../src/storage/sqlite/durable-log.ts';
import { openLogReader } from '../../src/storage/sqlite/event-log.ts';
import { openLogWriter } from '../../src/storage/sqlite/log-writer.ts';
import { onlyDurable } from '../../src/storage/sqlite/only-durable.ts';
import { openSqliteStorage } from '../../src/storage/sqlite/storage.ts';
import { openWalSync } from '../../src/storage/sqlite/wal-sync.ts';
import { appendOf, streamOf, write } from '../../src/testing/log.ts';
import { logFile, logMigrations } from './log-file.ts';

const walBytesMax = 64 * 1_024 * 1_024;

const at = logFile();

/** A log whose syncs and checkpoints a test brings to their ends. */
function steeredLog() {
  const writer = openLogWriter(at.file, logMigrations);
  const reader = openLogReader(at.file);
  const syncs: PromiseWithResolvers<void>[] = [];
  const failures: Error[] = [];
  let checkpoint = () => Promise.resolve();
  let isCheckpointDue = false;
  const log = createDurableLog({
    writer: { ...writer, isCheckpointDue: () => isCheckpointDue },
    sync() {
      const sync = Promise.withResolvers<void>();
      syncs.push(sync);
      return sync.promise;
    },
    checkpoint: () => checkpoint(),
    onFailure: (error) => failures.push(error),
  });
  return {
    log,
    writer,
    reads: onlyDurable(reader, log.durable),
    failures,
    syncs,
    makeCheckpointDue(how: () => Promise<void>) {
      isCheckpointDue = true;
      checkpoint = how;
    },
    close() {
      reader.close();
      writer.close();
    },
  };
}

describe('an append', () => {
  test('is answered once it is synced, and seen by nobody before', async () => {
    const { log, reads, syncs, close } = steeredLog();
    let isAnswered = false;
    const appended = log.append([appendOf(write('a', 2))]).finally(() => (isAnswered = true));
    await Bun.sleep(0); // as long as anything takes that waits for no sync
    const seen = async () => [
      await reads.head(),
      (await reads.readAll(logStart, 9)).length,
      (await reads.readStream(streamOf('a'), noEvents, 9)).length,
      (await reads.readBack(99 as Position, 9)).length,
    ];
    expect([isAnswered, ...(await seen())]).toEqual([false, 0, 0, 0, 0]);
    syncs[0]!.resolve();
    expect(await appended).toMatchObject([{ ok: true, position: 2 }]);
    expect(await seen()).toEqual([2, 2, 2, 2]);
    close();
  });

  test('that shares its log with one that is not synced yet shows no more than its own', async () => {
    const { log, reads, syncs, close } = steeredLog();
    const first = log.append([appendOf(write('a', 2))]);
    syncs[0]!.resolve();
    await first;
    const second = log.append([appendOf(write('a', 3))]);
    await Bun.sleep(0);
    expect(await reads.readAll(logStart, 9)).toHaveLength(2);
    expect(await reads.readBack(4 as Position, 9)).toHaveLength(2);
    expect(await reads.readStream(streamOf('a'), noEvents, 9)).toHaveLength(2);
    syncs[1]!.resolve();
    await second;
    expect(await reads.readAll(logStart, 9)).toHaveLength(5);
    close();
  });

  test('whose sync fails is not acknowledged, and ends all appending', async () => {
    const { log, writer, syncs, failures, close } = steeredLog();
    const failing = log.append([appendOf(write('a'))]).catch((error: Error) => error);
    await Bun.sleep(0);
    syncs[0]!.reject(new Error('EIO'));
    expect(await failing).toBeInstanceOf(LogNotDurable);
    const next = await log.append([appendOf(write('b'))]).catch((error: Error) => error);
    expect(next).toBeInstanceOf(LogNotDurable);
    expect(failures).toHaveLength(1);
    expect([log.durable(), writer.head()] as number[]).toEqual([0, 1]);
    close();
  });

  test('waits for a checkpoint that is due, and stores nothing if that fails', async () => {
    const { log, writer, makeCheckpointDue, close } = steeredLog();
    makeCheckpointDue(() => Promise.reject(new Error('the disk is full')));
    const refused = await log.append([appendOf(write('a'))]).catch((error: Error) => error);
    expect(refused).toMatchObject({ message: 'the disk is full' });
    expect(writer.head()).toBe(logStart);
    close();
  });
});

describe('syncing a WAL', () => {
  test('is done by the system, which refuses it for what is no file', async () => {
    const file = join(at.directory, 'pipe');
    expect(await Bun.spawn(['mkfifo', `${file}-wal`]).exited).toBe(0);
    const wal = await openWalSync(file);
    const failure = await wal.sync().catch((error: Error) => error);
    expect(failure).toMatchObject({ code: 'EINVAL' });
    await wal.close();
  });
});

describe('a data directory', () => {
  test('has the WAL of its log synced by every append', async () => {
    const { log, close } = await openSqliteStorage(at.directory, () => {});
    const postMessage = spyOn(Worker.prototype, 'postMessage'); // calls through
    try {
      await log.append([appendOf(write('a'))]);
      await log.append([appendOf(write('b'))]);
      const asked = postMessage.mock.calls.map(([message]) => JSON.parse(message) as object);
      expect(asked).toMatchObject([{ name: 'sync' }, { name: 'sync' }]);
    } finally {
      postMessage.mockRestore();
      await close();
    }
  });

  test('appends while the runtime hashes passwords', async () => {
    const { log, close } = await openSqliteStorage(at.directory, () => {});
    let hashed = 0;
    const hashes = Array.from({ length: 24 }, async () => {
      await Bun.password.hash('password', { algorithm: 'argon2id', memoryCost: 19_456 });
      hashed += 1;
    });
    await log.append([appendOf(write('a'))]);
    expect(hashed).toBeLessThan(hashes.length / 2);
    await Promise.all(hashes);
    await close();
  });

  test('writes its WAL anew when it is opened, since no disk may have what the system remembers', async () => {
    const first = await openSqliteStorage(at.directory, () => {});
    await first.close();
    const writer = openLogWriter(at.file, logMigrations);
    writer.append([appendOf(write('a', 3))]);
    const wal = `${at.file}-wal`;
    const before = readFileSync(wal);
    const longAgo = new Date('2020-01-01T00:00:00Z');
    utimesSync(wal, longAgo, longAgo);
    const { log, close } = await openSqliteStorage(at.directory, () => {});
    expect(statSync(wal).mtime.getTime()).toBeGreaterThan(longAgo.getTime());
    expect(readFileSync(wal)).toEqual(before);
    expect(await log.head()).toBe(3 as Position);
    await close();
    writer.close();
  });

  test('takes no more once somebody has deleted the WAL', async () => {
    const failures: Error[] = [];
    const { log, close } = await openSqliteStorage(at.directory, (error) => failures.push(error));
    await log.append([appendOf(write('a'))]);
    rmSync(`${at.file}-wal`);
    for (const stream of ['b', 'c']) {
      const failure = await log.append([appendOf(write(stream))]).catch((error: Error) => error);
      expect(failure).toBeInstanceOf(LogNotDurable);
    }
    expect(failures).toHaveLength(1);
    expect(await log.head()).toBe(1 as Position);
    await close();
  });

  test('keeps the WAL of its log short, however much is appended', async () => {
    const { log, close } = await openSqliteStorage(at.directory, () => {});
    for (let batch = 0; batch < 400; batch += 1) {
      await log.append([appendOf(write(`many-${batch}`, 1_000))]);
    }
    expect(statSync(at.file).size).toBeGreaterThan(walBytesMax);
    expect(statSync(`${at.file}-wal`).size).toBeLessThan(walBytesMax);
    await close();
  });
});
