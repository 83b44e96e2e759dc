// Sessions of a vault that an earlier version has written go on, and end thirty days after they began.
import { afterEach, describe, expect, test } from 'bun:test';
import { Database } from 'bun:sqlite';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { drizzle as drizzleSqlite } from 'drizzle-orm/bun-sqlite';
import { migrate as migrateSqlite } from 'drizzle-orm/bun-sqlite/migrator';
import { drizzle as drizzlePostgres } from 'drizzle-orm/postgres-js';
import { migrate as migratePostgres } from 'drizzle-orm/postgres-js/migrator';
import postgres from 'postgres';
import type { Vault } from '../../src/kernel/vault.ts';
import { migrationsFolder } from '../../src/storage/migrate.ts';
import { openPostgresStorage } from '../../src/storage/postgres/storage.ts';
import { openSqliteStorage } from '../../src/storage/sqlite/storage.ts';
import { temporaryDirectory } from '../../src/testing/directory.ts';
import { freshDatabase } from '../../src/testing/postgres.ts';

const newest = '0003_session-list';
const statements = [
  `INSERT INTO persons (id, key_id, wrapped_key) VALUES ('ada', 'key', 'wrapped')`,
  `INSERT INTO credentials (person_id, password_hash, changed_at) VALUES ('ada', 'hash', '2026-01-31')`,
  `INSERT INTO sessions (id, person_id, refresh_hash, started_at, expires_at) VALUES
     ('s', 'ada', 's-1', '2026-01-31T10:20:30.405Z', '2026-02-07T10:20:30.405Z')`,
];

const cleanUps: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
});

/** The migrations before the newest. */
function earlierMigrations(dialect: 'sqlite' | 'postgres'): string {
  const { path, remove } = temporaryDirectory();
  cleanUps.push(remove);
  cpSync(migrationsFolder('vault', dialect), path, { recursive: true });
  const journal = join(path, 'meta/_journal.json');
  const { entries, ...rest } = JSON.parse(readFileSync(journal, 'utf8')) as {
    readonly entries: readonly { readonly tag: string }[];
  };
  const index = entries.findIndex(({ tag }) => tag === newest);
  writeFileSync(journal, JSON.stringify({ ...rest, entries: entries.slice(0, index) }));
  return path;
}

async function openEarlierSqlite(): Promise<Vault> {
  const { path, remove } = temporaryDirectory();
  const file = new Database(join(path, 'vault.db'));
  migrateSqlite(drizzleSqlite(file), { migrationsFolder: earlierMigrations('sqlite') });
  for (const statement of statements) file.run(statement);
  file.close();
  const { vault, close } = await openSqliteStorage(path, () => {});
  cleanUps.push(remove, close);
  return vault;
}

async function openEarlierPostgres(): Promise<Vault> {
  const { url, drop } = await freshDatabase();
  const connection = { search_path: 'vault' };
  const sql = postgres(url, { max: 1, connection, onnotice() {} });
  await migratePostgres(drizzlePostgres(sql), {
    migrationsFolder: earlierMigrations('postgres'),
    migrationsSchema: 'vault',
  });
  for (const statement of statements) await sql.unsafe(statement);
  await sql.end();
  const { vault, close } = await openPostgresStorage(url);
  cleanUps.push(drop, close);
  return vault;
}

describe.each([
  ['SQLite', openEarlierSqlite],
  ['PostgreSQL', openEarlierPostgres],
] as const)('a vault from before sessions were listed (%s)', (_, open) => {
  test('keeps its sessions, which end thirty days after they began', async () => {
    const vault = await open();
    const at = '2026-02-05T00:00:00.000Z';
    const session = { id: 's', startedAt: '2026-01-31T10:20:30.405Z', device: null };
    expect(await vault.sessionsOf({ personId: 'ada', at, limit: 9, offset: 0 })).toEqual({
      sessions: [{ ...session, usedAt: session.startedAt, expiresAt: '2026-02-07T10:20:30.405Z' }],
      total: 1,
    });
    const rotation = { id: 's', refreshHash: 's-1', nextHash: 's-2', at, graceFrom: null };
    expect(await vault.rotateSession({ ...rotation, expiresAt: '2026-04-01' })).toEqual({
      outcome: 'rotated',
      personId: 'ada',
      expiresAt: '2026-03-02T10:20:30.405Z',
    });
  });
});
