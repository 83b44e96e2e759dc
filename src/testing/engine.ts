// Which engine servers of tests run on; `bun run test --engine postgres` chooses.
import { Database } from 'bun:sqlite';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Config, readConfig } from '../config.ts';
import { developmentSecrets } from '../secrets.ts';
import { openClient } from '../storage/postgres/connection.ts';
import { temporaryDirectory } from './directory.ts';
import type { TestDatabase } from './postgres.ts';

export type Engine = Config['database']['engine'];

export const engine: Engine = process.env['TEST_ENGINE'] === 'postgres' ? 'postgres' : 'sqlite';

/** What an engine says of a table that is gone. */
export const missingTable = /no such table|does not exist/;

export type Store = 'log' | 'vault' | 'read-model' | 'jobs';

type Row = Readonly<Record<string, unknown>>;

/** A way into a store behind the back of whoever serves from it. */
export type Connection = {
  /** Runs a statement, and answers its rows. */
  readonly run: (statement: string) => Promise<readonly Row[]>;
  readonly close: () => Promise<void>;
};

/** The stores that belong to a data directory, whichever engine keeps them. */
export type Place = {
  readonly database: Config['database'];
  /** By which a process finds the stores, and the secrets that lie in the directory. */
  readonly environment: Readonly<Record<string, string>>;
  readonly connect: (store: Store) => Promise<Connection>;
  /** Runs one statement on a store, and answers its rows. */
  readonly run: (store: Store, statement: string) => Promise<readonly Row[]>;
  /** Keeps everybody from appending until the function that it answers is called. */
  readonly holdLog: () => Promise<() => Promise<void>>;
  /** While nobody serves from them. */
  readonly loseReadModels: () => Promise<void>;
  readonly remove: () => Promise<void>;
};

const databases = new Map<string, Promise<TestDatabase>>();

/** The same directory has the same stores. */
export async function placeOf(directory: string): Promise<Place> {
  return engine === 'postgres' ? await postgresPlace(directory) : sqlitePlace(directory);
}

/** A directory that is removed with the stores that belong to it. */
export function temporaryPlace(): { readonly path: string; readonly remove: () => Promise<void> } {
  const { path, remove } = temporaryDirectory();
  return {
    path,
    async remove() {
      // First the stores: asking for them makes the secrets beside them.
      if (databases.has(path)) await (await placeOf(path)).remove();
      remove();
    },
  };
}

function sqlitePlace(directory: string): Place {
  const url = `sqlite:${directory}`;
  const fileOf = (store: Store) => join(directory, `${store}.db`);
  const connect = async (store: Store): Promise<Connection> => {
    const file = new Database(fileOf(store));
    file.run('PRAGMA busy_timeout = 5000');
    return {
      run: async (statement) => file.query<Row, []>(statement).all(),
      close: async () => file.close(),
    };
  };
  return {
    environment: { DATABASE_URL: url },
    database: readConfig({ NODE_ENV: 'test', DATABASE_URL: url }).database,
    connect,
    run: onceOn(connect),
    async holdLog() {
      const file = new Database(fileOf('log'));
      file.run('BEGIN IMMEDIATE');
      return async () => file.close();
    },
    async loseReadModels() {
      for (const suffix of ['', '-wal', '-shm']) {
        rmSync(fileOf('read-model') + suffix, { force: true });
      }
    },
    async remove() {},
  };
}

async function postgresPlace(directory: string): Promise<Place> {
  const { freshDatabase } = await import('./postgres.ts');
  const database = databases.get(directory) ?? freshDatabase();
  databases.set(directory, database);
  const { url, drop } = await database;
  const connect = async (store: Store): Promise<Connection> => {
    const sql = openClient(url, { max: 1, connection: { search_path: store.replace('-', '_') } });
    return { run: async (statement) => [...(await sql.unsafe(statement))], close: () => sql.end() };
  };
  return {
    environment: { DATABASE_URL: url, ...secretsIn(directory) },
    database: readConfig({ NODE_ENV: 'test', DATABASE_URL: url }).database,
    connect,
    run: onceOn(connect),
    async holdLog() {
      const connection = { idle_in_transaction_session_timeout: 0 };
      const sql = openClient(url, { max: 1, connection });
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
    async loseReadModels() {
      const { run, close } = await connect('read-model');
      await run('DROP SCHEMA read_model, read_model_migrations CASCADE');
      await close();
    },
    async remove() {
      databases.delete(directory);
      await drop();
    },
  };
}

function onceOn(connect: Place['connect']): Place['run'] {
  return async (store, statement) => {
    const { run, close } = await connect(store);
    try {
      return await run(statement);
    } finally {
      await close();
    }
  };
}

/** Of a process that would not find them by itself: its data directory is not that of the test. */
function secretsIn(directory: string) {
  const { jwt, refresh, crypto } = developmentSecrets(directory);
  return {
    JWT_SECRET: jwt.join(),
    JWT_REFRESH_SECRET: refresh.join(),
    CRYPTO_SECRET: crypto.join(),
  };
}
