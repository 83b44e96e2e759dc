// The main thread's view of the projector: how far it is, waiting for it, rebuilding.
import type { Progress } from './kernel/progress.ts';
import type { Position } from './kernel/stream.ts';
import type { SubscriptionStatus } from './kernel/subscription.ts';
import type { ProjectorEvent, ReadSideSettings } from './projector-worker.ts';
import { createWorkerClient } from './storage/worker-client.ts';

type Waiter = {
  readonly position: Position;
  readonly deadline: number;
  readonly resolve: (hasReached: boolean) => void;
};

/** How often waiters are looked over for those whose time is up. */
const sweepMs = 50;

export type Rebuilding = { readonly position: Position };

export type ReadSide = Awaited<ReturnType<typeof openReadSide>>;

/**
 * @param durable Where the log ends; `wake` tells when it has grown.
 * @param onStatus Called when the projector's state changes; `stopped` needs an operator.
 */
export async function openReadSide(
  settings: ReadSideSettings,
  durable: Position,
  onStatus: (status: SubscriptionStatus) => void,
) {
  const worker = startWorker();
  let status: SubscriptionStatus = { state: 'catching-up' };
  let progress: Progress = {
    applied: 0 as Position,
    positions: {},
    builds: {},
    outdated: [],
    overtaken: [],
    parked: [],
  };
  let waiters: Waiter[] = [];
  const onProgress: (() => void)[] = [];
  const rebuilding = new Map<string, Rebuilding>();

  function become(next: SubscriptionStatus) {
    status = next;
    if (next.state === 'stopped') settle(() => true);
    onStatus(next);
  }

  function settle(isOver: (waiter: Waiter) => boolean) {
    const settled = waiters.filter(isOver);
    if (settled.length === 0) return;
    waiters = waiters.filter((waiter) => !isOver(waiter));
    for (const { position, resolve } of settled) resolve(position <= progress.applied);
  }

  function hear(news: ProjectorEvent) {
    if (news.event === 'status') become(news.status);
    if (news.event !== 'progress') return;
    ({ progress } = news);
    for (const callback of onProgress) callback();
    settle(({ position }) => position <= progress.applied);
  }

  const client = createWorkerClient(
    worker,
    (error) => become({ state: 'stopped', error: error.message }),
    hear,
  );
  try {
    await client.ask('follow', { ...settings, durable });
  } catch (error) {
    worker.terminate();
    throw error;
  }

  const sweep = setInterval(() => {
    const now = performance.now();
    settle(({ deadline }) => deadline <= now);
  }, sweepMs);
  sweep.unref();

  return {
    status: () => status,
    /** Calls back whenever there are newer rows. */
    onProgress(callback: () => void) {
      onProgress.push(callback);
    },
    progress: () => progress,
    rebuilding: rebuilding as ReadonlyMap<string, Rebuilding>,
    hasReached: (position: Position) => position <= progress.applied,
    /** Tells the projector how far the log has grown. */
    wake: (durable: Position) => client.tell('wake', durable),

    /** Whether the read models have applied `position`, waiting at most `ms`; a stopped projector answers at once. */
    async reached(position: Position, ms: number): Promise<boolean> {
      if (position <= progress.applied) return true;
      if (status.state === 'stopped') return false;
      return await new Promise<boolean>((resolve) => {
        waiters.push({ position, deadline: performance.now() + ms, resolve });
      });
    },

    /**
     * Rebuilds in a thread of its own; the rows that are there answer until the swap.
     * @param onBegun Called unless another process rebuilds the same, which is RebuildRunning (by `name`).
     */
    async rebuild(names: readonly string[], onBegun?: () => void): Promise<void> {
      for (const name of names) rebuilding.set(name, { position: 0 as Position });
      const onProgress = (position: Position) => {
        for (const name of names) rebuilding.set(name, { position });
      };
      try {
        await rebuildReadModels(settings, names, { onProgress, onBegun });
        await client.ask('reload', null);
      } finally {
        for (const name of names) rebuilding.delete(name);
      }
    },

    async close() {
      clearInterval(sweep);
      await client.close();
      settle(() => true);
    },
  };
}

type RebuildReports = {
  /** The position that a rebuild has come to. */
  readonly onProgress: (position: Position) => void;
  readonly onBegun?: (() => void) | undefined;
};

/** Runs one rebuild to its swap. */
export async function rebuildReadModels(
  settings: ReadSideSettings,
  names: readonly string[],
  { onProgress, onBegun }: RebuildReports,
): Promise<void> {
  const worker = startWorker();
  const hear = (news: ProjectorEvent) => {
    if (news.event === 'rebuild-begun') onBegun?.();
    if (news.event === 'rebuilt-so-far') onProgress(news.position);
  };
  const client = createWorkerClient(worker, () => {}, hear);
  try {
    await client.ask('rebuild', { ...settings, names });
  } finally {
    await client.close();
  }
}

function startWorker(): Worker {
  return new Worker(new URL('projector-worker.ts', import.meta.url).href);
}
