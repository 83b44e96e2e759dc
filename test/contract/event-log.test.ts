import { join } from 'node:path';
import { createMemoryLog } from '../../src/storage/memory/event-log.ts';
import { migrationsFolder } from '../../src/storage/migrate.ts';
import { openLogReader } from '../../src/storage/sqlite/event-log.ts';
import { openLogWriter } from '../../src/storage/sqlite/log-writer.ts';
import { openSqliteStorage } from '../../src/storage/sqlite/storage.ts';
import { temporaryDirectory } from '../../src/testing/directory.ts';
import { openFreshPostgresStorage } from '../../src/testing/postgres-storage.ts';
import { eventLogContract, type OpenedLog } from './event-log.contract.ts';
import { readTypesContract } from './read-types.contract.ts';

function logContract(engine: string, open: () => Promise<OpenedLog> | OpenedLog) {
  eventLogContract(engine, open);
  readTypesContract(engine, open);
}

logContract('memory', () => ({ log: createMemoryLog(), close() {} }));

logContract('SQLite', () => {
  const directory = temporaryDirectory();
  const file = join(directory.path, 'log.db');
  const writer = openLogWriter(file, migrationsFolder('log', 'sqlite'));
  const { close: closeReader, ...reader } = openLogReader(file);
  return {
    log: {
      ...reader,
      append: async (appends) => writer.append(appends),
      holderOf: async (kind, key) => writer.holderOf(kind, key),
    },
    close() {
      closeReader();
      writer.close();
      directory.remove();
    },
  };
});

logContract('SQLite in a Worker', async () => {
  const directory = temporaryDirectory();
  const { log, close } = await openSqliteStorage(directory.path, (error) => {
    throw error;
  });
  return {
    log,
    async close() {
      await close();
      directory.remove();
    },
  };
});

logContract('PostgreSQL', openFreshPostgresStorage);
