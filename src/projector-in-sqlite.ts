// The projector on SQLite files. Of the processes on one directory, one writes: the server, which tells how much
// of its log is durable, or a command while there is none.
import { join } from 'node:path';
import { registry } from './events/index.ts';
import type { EventLog } from './kernel/event-log.ts';
import { createProjector } from './kernel/projector.ts';
import { refuseShortenedLog } from './kernel/projector-start.ts';
import { type BesideReadModel, CheckpointMoved } from './kernel/read-model.ts';
import { reach, rebuild } from './kernel/rebuild.ts';
import type { Position } from './kernel/stream.ts';
import { createSubscription } from './kernel/subscription.ts';
import { projections } from './projections/index.ts';
import type { Following, ReadSideSettings, Tell } from './projector-worker.ts';
import { systemClock } from './storage/clock.ts';
import { createKeyEncryption } from './storage/key-encryption.ts';
import { createKeyring } from './storage/keyring.ts';
import { openLogReader } from './storage/sqlite/event-log.ts';
import { takeWriterLock } from './storage/sqlite/lock.ts';
import { openReadModel, openReadModelBeside } from './storage/sqlite/read-model.ts';
import { removeFile, takeRebuildFile } from './storage/sqlite/rebuild-files.ts';
import { onlyDurable } from './storage/sqlite/only-durable.ts';
import { persistWal } from './storage/sqlite/persist-wal.ts';
import { openVaultReader } from './storage/sqlite/vault-reader.ts';
import { createWakeUp } from './storage/wake-up.ts';

type Settings = Extract<ReadSideSettings, { readonly engine: 'sqlite' }>;

const rebuildPageSize = 5_000;

function openSources({ directory, cryptoSecrets }: Settings) {
  const log = openLogReader(join(directory, 'log.db'));
  const vault = openVaultReader(join(directory, 'vault.db'));
  const keyring = createKeyring(vault, createKeyEncryption(cryptoSecrets));
  const close = () => {
    log.close();
    vault.close();
  };
  return { log, keyring, close };
}

/** @param durable Where the log ends for a follower, until it is told that it has grown. */
export async function followInSqlite(
  settings: Settings,
  durable: Position,
  tell: Tell,
): Promise<Following> {
  const { log: whole, keyring, close } = openSources(settings);
  const wakeUp = createWakeUp();
  let end = durable;
  const log = onlyDurable(whole, () => end);
  const readModel = openReadModel(join(settings.directory, 'read-model.db'));
  await refuseShortenedLog({ log, readModel });
  const projector = createProjector({
    log,
    keyring,
    registry,
    readModel,
    projections,
    onProgress: (progress) => tell({ event: 'progress', progress }),
  });
  const subscription = createSubscription({
    advance: meetingOthers(projector.advance),
    wakeUp,
    clock: systemClock,
    onStatus: (status) => tell({ event: 'status', status }),
  });
  subscription.start();
  return {
    wake(grownTo: Position) {
      if (grownTo > end) end = grownTo;
      wakeUp.signal();
    },
    reload() {
      projector.reload();
      wakeUp.signal();
    },
    async close() {
      await subscription.stop();
      readModel.close();
      close();
    },
  };
}

/** A replay in another process has replaced the rows: the projector begins anew from those, at once, but not twice in a row. */
function meetingOthers(advance: () => Promise<boolean>): () => Promise<boolean> {
  let hasMet = false;
  return async () => {
    try {
      const hasMore = await advance();
      hasMet = false;
      return hasMore;
    } catch (error) {
      if (hasMet || !(error instanceof CheckpointMoved)) throw error;
      hasMet = true;
      return true;
    }
  };
}

/**
 * Resumes where an interrupted rebuild of the same projections stood. Rows may not know more than a log
 * that has lost what was not yet durable: without a server everything is made durable first; beside
 * one the rebuild goes no further than the live rows, which are never ahead of what is durable.
 * @throws RebuildRunning (by `name`) while another process rebuilds the same.
 */
export async function rebuildInSqlite(
  settings: Settings,
  names: readonly string[],
  tell: Tell,
): Promise<void> {
  const { file, release } = takeRebuildFile(settings.directory, names);
  try {
    await rebuildIn(file, settings, names, tell);
  } finally {
    release();
  }
}

async function rebuildIn(
  file: string,
  settings: Settings,
  names: readonly string[],
  tell: Tell,
): Promise<void> {
  const { directory } = settings;
  const chosen = projections.filter(({ name }) => names.includes(name));
  const { log: whole, keyring, close } = openSources(settings);
  const beside = openReadModelBeside(file, join(directory, 'read-model.db'), chosen);
  const lock = lockIfFree(directory);
  tell({ event: 'rebuild-begun' });
  try {
    let end = lock ? await durableHead(directory, whole) : beside.liveHead();
    const log = onlyDurable(whole, () => end);
    const projector = createProjector({
      log,
      keyring,
      registry,
      readModel: beside,
      projections: chosen,
      pageSize: rebuildPageSize,
      onProgress: ({ applied }) => tell({ event: 'rebuilt-so-far', position: applied }),
    });
    const swap: BesideReadModel['swap'] = (projections, catchUp) =>
      beside.swap(projections, async (to) => {
        if (to > end) end = to;
        await catchUp(to);
      });
    // Without a server, and with all of them anew, the file as a whole can take the live one's place.
    if (lock && chosen.length === projections.length) {
      await reach(projector, end);
      beside.takeOver();
    } else {
      await rebuild({ log, projector, beside: { ...beside, swap }, projections: names });
    }
    beside.close();
    removeFile(file);
  } finally {
    beside.close();
    lock?.release();
    close();
  }
}

/** Where the log ends, once all of it is durable; nobody may be writing to it. */
async function durableHead(directory: string, log: Pick<EventLog, 'head'>): Promise<Position> {
  const head = await log.head();
  persistWal(join(directory, 'log.db'));
  return head;
}

function lockIfFree(directory: string): { readonly release: () => void } | undefined {
  try {
    return takeWriterLock(directory);
  } catch (error) {
    if ((error as Error).name === 'DataDirectoryInUse') return undefined;
    throw error;
  }
}
