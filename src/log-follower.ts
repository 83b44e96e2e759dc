// Runs what follows the log to act on it: in the main thread, from a checkpoint of its own.
import type { Logger } from 'pino';
import type { Check } from './http/health.ts';
import type { Append, Write } from './kernel/event-log.ts';
import type { Epoch, Leases } from './kernel/lease.ts';
import {
  createProcessManager,
  type ProcessManager,
  type ProcessManagerParts,
} from './kernel/process-manager.ts';
import { createSubscription } from './kernel/subscription.ts';
import { createTenure, type Tenure } from './kernel/tenure.ts';
import { systemClock as clock } from './storage/clock.ts';
import { createWakeUp } from './storage/wake-up.ts';

export type LogFollowerParts = Omit<ProcessManagerParts, 'clock' | 'onUnreadable'> & {
  readonly logger: Logger;
  /** By which one of several nodes does it; undefined: this process alone. */
  readonly leases?: Leases | undefined;
  /** Failures that are another service's: this node is ready all the same. */
  readonly isExcused?: (error: unknown) => boolean;
};

/** What is appended within it is met at once. */
const gatherMs = 1;

/** To be called before anything is appended; nothing runs before `start`. */
export async function createLogFollower(parts: LogFollowerParts) {
  const { name, types, logger, leases, isExcused = () => false } = parts;
  const manager = createProcessManager({
    ...parts,
    clock,
    onUnreadable: ({ position }, err) =>
      logger.error({ position, err }, `${name}: an event that cannot be read leads to nothing`),
  });
  await manager.begin();

  const wakeUp = createWakeUp();
  const tenure = leases && tenureOf(leases, { name, logger, onAcquired: wakeUp.signal });
  let failure: unknown;
  const { advance, caughtUpAt } = timed(tenure ? whileHeld(tenure, manager) : manager.advance);
  const subscription = createSubscription({
    advance,
    wakeUp,
    clock,
    onStatus(status, err) {
      failure = err;
      if (err === undefined) logger.debug(status, name);
      else logger.warn({ ...status, err }, `${name}: trying again`);
    },
  });
  const followed = new Set(types);
  const isFollowed = ({ events }: Write) => events.some(({ type }) => followed.has(type));
  let gathering: Timer | undefined;

  /** Whoever waits for an answer or follows the log live has been served by then. */
  function wakeSoon() {
    gathering ??= setTimeout(() => {
      gathering = undefined;
      wakeUp.signal();
    }, gatherMs);
  }

  return {
    name,
    position: manager.position,
    status: subscription.status,
    caughtUpAt,
    start() {
      tenure?.start();
      subscription.start();
    },
    /** The log may have grown by what another node has appended. */
    wake: wakeUp.signal,

    /** The log has grown by these; what holds nothing to act on is passed over when there is time. */
    wakeFor(appends: readonly Append[]): void {
      if (appends.some(({ writes }) => writes.some(isFollowed))) wakeSoon();
    },

    check(): Check {
      const { error } = subscription.status();
      if (error !== undefined) return { name, ok: isExcused(failure), message: error };
      const unowned = tenure?.failure();
      if (unowned === undefined) return { name, ok: true };
      return { name, ok: false, message: `whose work it is cannot be found out: ${unowned}` };
    },

    /** Finishes the page at hand; what is left is met at the next start. */
    async stop(): Promise<void> {
      await subscription.stop();
      await manager.keep();
      await tenure?.stop();
    },
  };
}

/** Tells from when nothing was left to do: what happened before is known. */
export function timed(advance: () => Promise<boolean>) {
  let at = Number.NEGATIVE_INFINITY;
  return {
    caughtUpAt: () => at,
    async advance(): Promise<boolean> {
      const from = performance.now();
      const hasMore = await advance();
      if (!hasMore) at = from;
      return hasMore;
    },
  };
}

type Tenancy = {
  readonly name: string;
  readonly logger: Logger;
  readonly onAcquired: () => void;
};

function tenureOf(leases: Leases, { name, logger, onAcquired }: Tenancy): Tenure {
  return createTenure({
    leases,
    name: `follower ${name}`,
    owner: crypto.randomUUID(),
    wakeUp: createWakeUp(),
    now: () => performance.now(),
    onAcquired,
    onFailure: (err) => logger.warn({ err }, `${name}: whose work it is cannot be found out`),
  });
}

/** How often a node that has not the lease looks how far the one is that has. */
const lookMs = 250;

/** Two who believe that they have the lease repeat each other's reactions, which is harmless. */
function whileHeld(
  tenure: Tenure,
  manager: Pick<ProcessManager, 'begin' | 'advance'>,
): () => Promise<boolean> {
  let own: Epoch | undefined;
  let lookedAt = 0;
  return async () => {
    const epoch = tenure.epoch();
    const now = performance.now();
    if (epoch === undefined && now - lookedAt < lookMs) return false;
    if (epoch !== own || epoch === undefined) await manager.begin();
    [own, lookedAt] = [epoch, now];
    return epoch !== undefined && (await manager.advance());
  };
}
