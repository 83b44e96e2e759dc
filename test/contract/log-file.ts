// A log file of its own for each test.
import { afterEach, beforeEach } from 'bun:test';
import { join } from 'node:path';
import { migrationsFolder } from '../../src/storage/migrate.ts';
import { openLogWriter } from '../../src/storage/sqlite/log-writer.ts';
import { temporaryDirectory } from '../../src/testing/directory.ts';

export const logMigrations = migrationsFolder('log', 'sqlite');

/** Registers the set-up of a test file or group; what it answers is read inside the tests. */
export function logFile() {
  let directory: ReturnType<typeof temporaryDirectory>;
  const file = () => join(directory.path, 'log.db');

  beforeEach(() => {
    directory = temporaryDirectory();
  });

  afterEach(() => directory.remove());

  /** Opens the log, does something with it, and closes it again. */
  function opened<Result>(
    use: (writer: ReturnType<typeof openLogWriter>) => Result,
    claimGenerationSize?: number,
  ): Result {
    const writer = openLogWriter(file(), logMigrations, claimGenerationSize);
    try {
      return use(writer);
    } finally {
      writer.close();
    }
  }

  return {
    opened,
    get directory() {
      return directory.path;
    },
    get file() {
      return file();
    },
  };
}
