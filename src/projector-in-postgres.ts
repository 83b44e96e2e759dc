// The projector on PostgreSQL. Of all nodes the one that has the lease moves the rows, and each of its commits
// is refused once another has it; the others read how far it has come. During a roll-out, nodes of two versions
// have a lease each: both are careful, and what one has moved the other finds moved.
import { registry } from './events/index.ts';
import { LeaseLost, type Epoch } from './kernel/lease.ts';
import { progressIn, type Progress } from './kernel/progress.ts';
import { createProjector } from './kernel/projector.ts';
import { refuseShortenedLog } from './kernel/projector-start.ts';
import { CheckpointMoved, type ReadModel } from './kernel/read-model.ts';
import { rebuild } from './kernel/rebuild.ts';
import { createSubscription } from './kernel/subscription.ts';
import { createTenure, type Tenure } from './kernel/tenure.ts';
import { openPostgresReadModel, openPostgresRebuild } from './postgres-rows.ts';
import { projections } from './projections/index.ts';
import type { Following, ReadSideSettings, Tell } from './projector-worker.ts';
import { systemClock } from './storage/clock.ts';
import { createKeyEncryption } from './storage/key-encryption.ts';
import { createKeyring } from './storage/keyring.ts';
import { keepLease } from './storage/postgres/leases.ts';
import { openPostgresReaders, type PostgresReaders } from './storage/postgres/readers.ts';
import { sha256 } from './storage/sha256.ts';
import { createWakeUp } from './storage/wake-up.ts';

type Settings = Extract<ReadSideSettings, { readonly engine: 'postgres' }>;

const rebuildPageSize = 5_000;
/** How often the owner looks whether its rows have been replaced. */
const lookMs = 200;
/** How long it leaves the rows to whoever has moved them twice in that time. */
const yieldMs = 1_000;

const versions = projections.map(({ name, version }) => `${name} ${version}`).toSorted();
const leaseName = `projector ${sha256(versions.join()).slice(0, 10)}`;

export async function followInPostgres(settings: Settings, tell: Tell): Promise<Following> {
  const readers = await openPostgresReaders(settings.url);
  let epoch: Epoch | undefined;
  const readModel = await openPostgresReadModel(settings.url, async (transaction) => {
    if (epoch === undefined) throw new LeaseLost(leaseName);
    await keepLease(transaction, leaseName, epoch);
  });
  await refuseShortenedLog({ log: readers.log, readModel });
  for (const { name, version } of projections) await readModel.begin(name, version);

  const wakeUp = createWakeUp();
  const tenure = createTenure({
    leases: readers.leases,
    name: leaseName,
    owner: crypto.randomUUID(),
    wakeUp: createWakeUp(),
    now: () => performance.now(),
    onAcquired: wakeUp.signal,
    onFailure() {}, // the projector meets the same and tells it
  });
  const owner = createOwner({
    readers,
    readModel,
    keyring: keyringOf(settings, readers),
    tell,
    tenure,
    commitUnder(next) {
      epoch = next;
    },
  });
  const subscription = createSubscription({
    advance: owner.advance,
    wakeUp,
    clock: systemClock,
    onStatus: (status) => tell({ event: 'status', status }),
  });
  const unsubscribe = readers.signals.subscribe(wakeUp.signal);
  tenure.start();
  subscription.start();
  return {
    wake: wakeUp.signal,
    reload() {
      owner.reload();
      wakeUp.signal();
    },
    async close() {
      unsubscribe();
      await subscription.stop();
      await tenure.stop();
      await Promise.all([readModel.close(), readers.close()]);
    },
  };
}

type OwnerParts = {
  readonly readers: PostgresReaders;
  readonly readModel: ReadModel;
  readonly keyring: ReturnType<typeof createKeyring>;
  readonly tell: Tell;
  readonly tenure: Pick<Tenure, 'epoch' | 'lost'>;
  readonly commitUnder: (epoch: Epoch | undefined) => void;
};

/** Projects while it has the lease, and observes while it has not. */
function createOwner({ readers, readModel, keyring, tell, tenure, commitUnder }: OwnerParts) {
  const { log, signals } = readers;
  let own: Epoch | undefined;
  let progress: Progress | undefined;
  let lookedAt = 0;
  let movedAt = Number.NEGATIVE_INFINITY;
  let yieldsUntil = 0;

  const projector = createProjector({
    log,
    keyring,
    registry,
    readModel,
    projections,
    onProgress(next) {
      report(next);
      signals.broadcast();
    },
  });

  function report(next: Progress) {
    progress = next;
    tell({ event: 'progress', progress: next });
  }

  async function advance(): Promise<boolean> {
    const epoch = tenure.epoch();
    if (epoch === undefined || performance.now() < yieldsUntil) return await observe();
    if (epoch !== own) begin(epoch);
    try {
      const hasMore = await projector.advance();
      if (!hasMore) await look();
      return hasMore;
    } catch (error) {
      if (error instanceof LeaseLost) return lose(epoch);
      if (error instanceof CheckpointMoved) return meet();
      throw error;
    }
  }

  /** Rows may have moved since this node had the lease before. */
  function begin(epoch: Epoch) {
    own = epoch;
    commitUnder(epoch);
    projector.reload();
  }

  function lose(epoch: Epoch): boolean {
    own = undefined;
    commitUnder(undefined);
    tenure.lost(epoch);
    return true;
  }

  /** A rebuild has replaced rows, or a node of another version has moved them. */
  function meet(): boolean {
    projector.reload();
    const now = performance.now();
    if (now - movedAt < yieldMs) yieldsUntil = now + yieldMs;
    movedAt = now;
    return true;
  }

  /** Nothing tells the owner that rows were replaced while there was nothing to project. */
  async function look() {
    const now = performance.now();
    if (now - lookedAt < lookMs) return;
    lookedAt = now;
    const { positions, builds } = progressIn(projections, await readModel.checkpoints(), []);
    const isSame =
      Bun.deepEquals(positions, progress?.positions) && Bun.deepEquals(builds, progress?.builds);
    if (!isSame) projector.reload();
  }

  async function observe(): Promise<boolean> {
    own = undefined;
    const [checkpoints, parked] = [await readModel.checkpoints(), await readModel.parked()];
    const next = progressIn(projections, checkpoints, parked);
    if (!Bun.deepEquals(next, progress)) report(next);
    return false;
  }

  return { advance, reload: projector.reload };
}

/**
 * Resumes where an interrupted rebuild of the same projections stood.
 * @throws RebuildRunning (by `name`) while another process rebuilds the same.
 */
export async function rebuildInPostgres(
  settings: Settings,
  names: readonly string[],
  tell: Tell,
): Promise<void> {
  const chosen = projections.filter(({ name }) => names.includes(name));
  const readers = await openPostgresReaders(settings.url);
  try {
    const beside = await openPostgresRebuild(settings.url, chosen);
    tell({ event: 'rebuild-begun' });
    try {
      const { log, signals } = readers;
      const projector = createProjector({
        log,
        keyring: keyringOf(settings, readers),
        registry,
        readModel: beside,
        projections: chosen,
        pageSize: rebuildPageSize,
        onProgress: ({ applied }) => tell({ event: 'rebuilt-so-far', position: applied }),
      });
      await rebuild({ log, projector, beside, projections: names });
      signals.broadcast();
    } finally {
      await beside.close();
    }
  } finally {
    await readers.close();
  }
}

function keyringOf({ cryptoSecrets }: Settings, { vault }: PostgresReaders) {
  return createKeyring(vault, createKeyEncryption(cryptoSecrets));
}
