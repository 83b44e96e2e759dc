import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openSqliteStorage } from '../../src/storage/sqlite/storage.ts';
import { temporaryDirectory } from '../../src/testing/directory.ts';
import { openFreshPostgresStorage } from '../../src/testing/postgres-storage.ts';
import { vaultContract } from './vault.contract.ts';
import { vaultSessionsContract } from './vault-sessions.contract.ts';

async function openFreshSqliteStorage() {
  const directory = temporaryDirectory();
  const { vault, close } = await openSqliteStorage(directory.path, () => {});
  return {
    vault,
    async close() {
      await close();
      directory.remove();
    },
  };
}

for (const contract of [vaultContract, vaultSessionsContract]) {
  contract('SQLite', openFreshSqliteStorage);
  contract('PostgreSQL', openFreshPostgresStorage);
}

describe('what was deleted from the SQLite vault', () => {
  let directory: ReturnType<typeof temporaryDirectory>;

  beforeEach(() => {
    directory = temporaryDirectory();
  });

  afterEach(() => directory.remove());

  const holds = (text: string) =>
    readdirSync(directory.path).filter((file) => contentOf(file).includes(text));

  /** SQLite may remove an emptied WAL at any moment after the close. */
  function contentOf(file: string): Buffer {
    try {
      return readFileSync(join(directory.path, file));
    } catch (error) {
      if ((error as { code?: string }).code === 'ENOENT') return Buffer.alloc(0);
      throw error;
    }
  }

  test('lies in no file any more once the vault is closed', async () => {
    const at = '2026-01-01T00:00:00.000Z';
    const big = 'X'.repeat(10_000); // larger than a page, so that it overflows into others
    const first = await openSqliteStorage(directory.path, () => {});
    for (let index = 0; index < 50; index += 1) {
      await first.vault.addPerson({
        personId: `person-${index}`,
        keyId: `key-${index}`,
        wrappedKey: `WRAPPED-${index}-`,
        passwordHash: `HASH-${index}-`,
        at,
      });
    }
    const session = { id: 's', personId: 'person-7', refreshHash: 'REFRESH-7', startedAt: at };
    const verifiedHash = 'HASH-7-';
    const times = { expiresAt: at, endsAt: at };
    await first.vault.startSession({ ...session, ...times, verifiedHash, device: 'DEVICE-7' });
    await first.vault.keepAnswer({
      commandId: 'c',
      personId: 'person-7',
      requestDigest: 'd',
      sealed: `SEALED-7-${big}SEALED-END`,
      expiresAt: at,
    });
    await first.close();
    const secrets = ['WRAPPED-7-', 'HASH-7-', 'REFRESH-7', 'DEVICE-7', 'SEALED-7-', 'SEALED-END'];
    for (const secret of secrets) expect(holds(secret)).toEqual(['vault.db']);

    const second = await openSqliteStorage(directory.path, () => {});
    await second.vault.removePerson('person-7');
    await second.close();
    for (const secret of secrets) expect(holds(secret)).toEqual([]);
    expect(holds('WRAPPED-8-')).toEqual(['vault.db']);
  });

  test('is readable by its owner only', async () => {
    const nested = join(directory.path, 'data');
    const storage = await openSqliteStorage(nested, () => {});
    await storage.close();
    const { mode } = await Bun.file(nested).stat();
    expect(mode & 0o077).toBe(0);
  });
});
