import { join } from 'node:path';
import type { EventLog } from '../../kernel/event-log.ts';
import type { FollowerCheckpoints } from '../../kernel/follower-checkpoints.ts';
import { groupCommit } from '../../kernel/group-commit.ts';
import type { Vault } from '../../kernel/vault.ts';
import { migrationsFolder } from '../migrate.ts';
import { createWorkerClient } from '../worker-client.ts';
import { createDurableLog } from './durable-log.ts';
import { openLogReader } from './event-log.ts';
import { openLogWriter } from './log-writer.ts';
import { onlyDurable } from './only-durable.ts';
import { openVaultReader } from './vault-reader.ts';
import type { VaultOperation, VaultResult } from './vault-writer.ts';
import { openWalSync } from './wal-sync.ts';

export type Storage = {
  readonly log: EventLog;
  readonly checkpoints: FollowerCheckpoints;
  readonly vault: Vault;
  readonly close: () => Promise<void>;
};

/**
 * Opens the log and the vault of a data directory for writing.
 * @param onWriterGone Called when nothing can be written any more until a restart.
 * @throws DataDirectoryInUse, ChainBroken, StoreTooNew, VaultMissing (by `name`; some cross a thread).
 */
export async function openSqliteStorage(
  directory: string,
  onWriterGone: (error: Error) => void,
): Promise<Storage> {
  const worker = new Worker(new URL('disk-worker.ts', import.meta.url).href);
  const client = createWorkerClient(worker, (error) => {
    written?.durableLog.fail(error);
    onWriterGone(error);
  });
  let written: Awaited<ReturnType<typeof openLog>> | undefined;
  try {
    await client.ask('lock', directory);
    written = await openLog(directory, () => client.ask('checkpoint', null), onWriterGone);
    await client.ask('open', { directory, hasEvents: written.durableLog.durable() > 0 });
  } catch (error) {
    await written?.close();
    await client.close();
    throw error;
  }
  const { durableLog, writer, close: closeLogWriter } = written;
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
      ...onlyDurable(reads, durableLog.durable),
      append: durableLog.append,
      holderOf: async (kind, key) => writer.holderOf(kind, key),
    },
    checkpoints: writer.checkpoints,
    vault: {
      ...vaultReads,
      addPerson: (person) => write('addPerson', person),
      confirmPerson: (personId) => write('confirmPerson', personId),
      removePerson: (personId) => write('removePerson', personId),
      changePassword: (change) => write('changePassword', change),
      confirmPasswordChange: (id) => write('confirmPasswordChange', id),
      strengthenPassword: (change) => write('strengthenPassword', change),
      startSession: (session) => write('startSession', session),
      rotateSession: (rotation) => write('rotateSession', rotation),
      endSession: (id, at) => write('endSession', id, at),
      endSessionOf: (personId, id, at) => write('endSessionOf', personId, id, at),
      keepAnswer: (answer) => write('keepAnswer', answer),
      secret: (name, proposed) => write('secret', name, proposed),
      prune: (now) => write('prune', now),
      setErasedThrough: (position) => write('setErasedThrough', position),
      rewrapKeys: (rewraps) => write('rewrapKeys', rewraps),
      rewrapSecrets: (rewraps) => write('rewrapSecrets', rewraps),
      scrub: () => client.ask('scrub', null),
    },
    async close() {
      await operations.idle();
      closeLog();
      closeVault();
      await closeLogWriter();
      await client.close();
    },
  };
}

async function openLog(
  directory: string,
  checkpoint: () => Promise<void>,
  onFailure: (error: Error) => void,
) {
  const file = join(directory, 'log.db');
  const writer = openLogWriter(file, migrationsFolder('log', 'sqlite'));
  const onGone = (error: Error) => {
    durableLog?.fail(error);
    onFailure(error);
  };
  let durableLog: ReturnType<typeof createDurableLog> | undefined;
  const wal = await openWalSync(file, onGone).catch((error: unknown) => {
    writer.close();
    throw error;
  });
  durableLog = createDurableLog({ writer, sync: wal.sync, checkpoint, onFailure });
  const close = async () => {
    await wal.close();
    writer.close();
  };
  return { writer, durableLog, close };
}
