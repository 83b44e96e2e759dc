// The thread that waits for the disk: it owns the log and the vault for writing.
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Append } from '../../kernel/event-log.ts';
import { migrationsFolder } from '../migrate.ts';
import { serveRequests } from '../worker-client.ts';
import { takeWriterLock } from './lock.ts';
import { openLogWriter } from './log-writer.ts';
import { openVaultWriter, type VaultOperation } from './vault-writer.ts';

let stores: ReturnType<typeof open> | undefined;

let isUpkeepOwed = false;

function upkeep() {
  stores?.log.maintain();
  isUpkeepOwed = false;
}

/** Nobody waits for it, so a failure has nobody to tell: it stays owed, and the next append meets it. */
function upkeepAfterAnswer() {
  try {
    upkeep();
  } catch {
    isUpkeepOwed = true;
  }
}

serveRequests({
  open: (directory: string) => {
    stores = open(directory);
  },
  append: (appends: readonly Append[]) => {
    if (isUpkeepOwed) upkeep();
    const outcomes = stores!.log.append(appends);
    isUpkeepOwed = true;
    setImmediate(upkeepAfterAnswer);
    return outcomes;
  },
  holder: ({ kind, key }: { kind: string; key: string }) => stores!.log.holderOf(kind, key),
  vault: (operations: readonly VaultOperation[]) => stores!.vault.run(operations),
  close: () => {
    if (stores) close(stores);
    stores = undefined;
  },
});

function open(directory: string) {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const lock = takeWriterLock(directory);
  try {
    return { ...openStores(directory), lock };
  } catch (error) {
    lock.release();
    throw error;
  }
}

function openStores(directory: string) {
  const log = openLogWriter(join(directory, 'log.db'), migrationsFolder('log', 'sqlite'));
  const vaultFile = join(directory, 'vault.db');
  if (log.head() > 0 && !existsSync(vaultFile)) {
    log.close();
    throw new VaultMissing(directory);
  }
  const vault = openVaultWriter(vaultFile, migrationsFolder('vault', 'sqlite'));
  return { log, vault };
}

/** Without the keys of a log nobody can sign in, and names that are taken would seem free. */
class VaultMissing extends Error {
  override readonly name = 'VaultMissing';
  constructor(directory: string) {
    super(`${directory} holds a log but its vault is missing. Restore vault.db from a backup.`);
  }
}

function close({ log, vault, lock }: ReturnType<typeof open>) {
  log.close();
  vault.close();
  lock.release();
}
