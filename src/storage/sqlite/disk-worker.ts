// The thread that waits for the disk: it writes the vault, checkpoints the log, and holds the lock of
// the data directory.
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { migrationsFolder } from '../migrate.ts';
import { serveRequests } from '../worker-client.ts';
import { closeWriter, openForWriting } from './connection.ts';
import { takeWriterLock } from './lock.ts';
import { openVaultWriter, type VaultOperation } from './vault-writer.ts';

let lock: ReturnType<typeof takeWriterLock> | undefined;
let stores: ReturnType<typeof open> | undefined;

serveRequests({
  lock: (directory: string) => {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    lock = takeWriterLock(directory);
  },
  open: (request: OpenRequest) => {
    stores = open(request);
  },
  checkpoint: () => stores!.log.run('PRAGMA wal_checkpoint(PASSIVE)'),
  vault: (operations: readonly VaultOperation[]) => stores!.vault.run(operations),
  scrub: () => stores!.vault.scrub(),
  close: () => {
    if (stores) {
      closeWriter(stores.log);
      stores.vault.close();
    }
    lock?.release();
    stores = undefined;
    lock = undefined;
  },
});

type OpenRequest = { readonly directory: string; readonly hasEvents: boolean };

function open({ directory, hasEvents }: OpenRequest) {
  const vaultFile = join(directory, 'vault.db');
  if (hasEvents && !existsSync(vaultFile)) throw new VaultMissing(directory);
  const vault = openVaultWriter(vaultFile, migrationsFolder('vault', 'sqlite'));
  return { vault, log: openForWriting(join(directory, 'log.db'), 'full') };
}

/** Without the keys of a log nobody can sign in, and names that are taken would seem free. */
class VaultMissing extends Error {
  override readonly name = 'VaultMissing';
  constructor(directory: string) {
    super(`${directory} holds a log but its vault is missing. Restore vault.db from a backup.`);
  }
}
