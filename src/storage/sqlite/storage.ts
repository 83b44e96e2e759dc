import { join } from 'node:path';
import type { Append, AppendOutcome, EventLog } from '../../kernel/event-log.ts';
import { groupCommit } from '../../kernel/group-commit.ts';
import type { StreamName } from '../../kernel/stream.ts';
import type { Vault } from '../../kernel/vault.ts';
import { createWorkerClient } from '../worker-client.ts';
import { openLogReader } from './event-log.ts';
import { openVaultReader } from './vault-reader.ts';
import type { VaultOperation, VaultResult } from './vault-writer.ts';

export type Storage = {
  readonly log: EventLog;
  readonly vault: Vault;
  readonly close: () => Promise<void>;
};

/**
 * Opens the log and the vault of a data directory for writing, in a Worker of their own.
 * @throws DataDirectoryInUse, ChainBroken, StoreTooNew (by `name`; they cross a thread).
 */
export async function openSqliteStorage(
  directory: string,
  onWriterGone: (error: Error) => void,
): Promise<Storage> {
  const worker = new Worker(new URL('writer-worker.ts', import.meta.url).href);
  const client = createWorkerClient(worker, onWriterGone);
  try {
    await client.ask('open', directory);
  } catch (error) {
    worker.terminate();
    throw error;
  }
  const logReader = openLogReader(join(directory, 'log.db'));
  const vaultReader = openVaultReader(join(directory, 'vault.db'));
  const operations = groupCommit<VaultOperation, VaultResult>((batch) =>
    client.ask('vault', batch),
  );
  const write = async <Result>(name: VaultOperation['name'], ...args: readonly unknown[]) => {
    const result = await operations.submit({ name, args });
    if (!result.ok) throw Object.assign(new Error(result.error.message), result.error);
    return result.value as Result;
  };

  const { close: closeLog, ...reads } = logReader;
  const { close: closeVault, ...vaultReads } = vaultReader;
  return {
    log: {
      ...reads,
      append: (appends: readonly Append[]) =>
        client.ask<readonly AppendOutcome[]>('append', appends),
      holderOf: (kind, key) => client.ask<StreamName | undefined>('holder', { kind, key }),
    },
    vault: {
      ...vaultReads,
      addPerson: (person) => write('addPerson', person),
      confirmPerson: (personId) => write('confirmPerson', personId),
      removePerson: (personId) => write('removePerson', personId),
      changePassword: (change) => write('changePassword', change),
      startSession: (session) => write('startSession', session),
      rotateSession: (rotation) => write('rotateSession', rotation),
      endSession: (id, at) => write('endSession', id, at),
      keepAnswer: (answer) => write('keepAnswer', answer),
      secret: (name, proposed) => write('secret', name, proposed),
      prune: (now) => write('prune', now),
    },
    async close() {
      await operations.idle();
      closeLog();
      closeVault();
      await client.close();
    },
  };
}
