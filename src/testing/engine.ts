// Which engine servers of tests run on; `bun run test --engine postgres` chooses.
import { Database } from 'bun:sqlite';
import { join } from 'node:path';
import { type Config, readConfig } from '../config.ts';
import type { TestDatabase } from './postgres.ts';

export type Engine = Config['database']['engine'];

export const engine: Engine = process.env['TEST_ENGINE'] === 'postgres' ? 'postgres' : 'sqlite';

/** What an engine says of a table that is gone. */
export const missingTable = /no such table|does not exist/;

export type Store = 'log' | 'vault' | 'read-model';

/** The stores that belong to a data directory, whichever engine keeps them. */
export type Place = {
  readonly database: Config['database'];
  readonly databaseUrl: string;
  /** Runs a statement on a store behind the back of the server, and answers its rows. */
  readonly run: (store: Store, statement: string) => Promise<readonly Record<string, unknown>[]>;
  /** Keeps everybody from appending until the function that it answers is called. */
  readonly holdLog: () => Promise<() => Promise<void>>;
  readonly remove: () => Promise<void>;
};

const databases = new Map<string, Promise<TestDatabase>>();

/** The same directory has the same stores. */
export async function placeOf(directory: string): Promise<Place> {
  return engine === 'postgres' ? await postgresPlace(directory) : sqlitePlace(directory);
}

function sqlitePlace(directory: string): Place {
  const databaseUrl = `sqlite:${directory}`;
  return {
    databaseUrl,
    database: readConfig({ NODE_ENV: 'test', DATABASE_URL: databaseUrl }).database,
    async run(store, statement) {
      const file = new Database(join(directory, `${store}.db`));
      try {
        file.run('PRAGMA busy_timeout = 5000');
        return file.query<Record<string, unknown>, []>(statement).all();
      } finally {
        file.close();
      }
    },
    async holdLog() {
      const file = new Database(join(directory, 'log.db'));
      file.run('BEGIN IMMEDIATE');
      return async () => file.close();
    },
    async remove() {},
  };
}

async function postgresPlace(directory: string): Promise<Place> {
  const { freshDatabase } = await import('./postgres.ts');
  const { default: postgres } = await import('postgres');
  const database = databases.get(directory) ?? freshDatabase();
  databases.set(directory, database);
  const { url, drop } = await database;
  return {
    databaseUrl: url,
    database: readConfig({ NODE_ENV: 'test', DATABASE_URL: url }).database,
    async run(store, statement) {
      const connection = { search_path: store.replace('-', '_') };
      const sql = postgres(url, { max: 1, connection, onnotice() {} });
      try {
        return [...(await sql.unsafe(statement))];
      } finally {
        await sql.end();
      }
    },
    async holdLog() {
      const sql = postgres(url, { max: 1, onnotice() {} });
      const [held, letGo] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      const holding = sql.begin(async (transaction) => {
        await transaction`LOCK TABLE log.head IN EXCLUSIVE MODE`;
        held.resolve();
        await letGo.promise;
      });
      await held.promise;
      return async () => {
        letGo.resolve();
        await holding;
        await sql.end();
      };
    },
    async remove() {
      databases.delete(directory);
      await drop();
    },
  };
}
