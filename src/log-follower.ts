// Runs what follows the log to act on it: in the main thread, from a checkpoint of its own.
import type { Logger } from 'pino';
import type { Check } from './http/health.ts';
import type { Append, Write } from './kernel/event-log.ts';
import { createProcessManager, type ProcessManagerParts } from './kernel/process-manager.ts';
import { createSubscription } from './kernel/subscription.ts';
import { systemClock as clock } from './storage/clock.ts';
import { createWakeUp } from './storage/wake-up.ts';

export type LogFollowerParts = Omit<ProcessManagerParts, 'clock' | 'onUnreadable'> & {
  readonly logger: Logger;
  /** Failures that are another service's: this node is ready all the same. */
  readonly isExcused?: (error: unknown) => boolean;
};

/** To be called before anything is appended; nothing runs before `start`. */
export async function createLogFollower(parts: LogFollowerParts) {
  const { name, types, logger, isExcused = () => false } = parts;
  const manager = createProcessManager({
    ...parts,
    clock,
    onUnreadable: ({ position }, err) =>
      logger.error({ position, err }, `${name}: an event that cannot be read leads to nothing`),
  });
  await manager.begin();

  const wakeUp = createWakeUp();
  let failure: unknown;
  const subscription = createSubscription({
    advance: manager.advance,
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

  return {
    name,
    position: manager.position,
    status: subscription.status,
    start: subscription.start,

    /** The log has grown by these; what holds nothing to act on is passed over when there is time. */
    wakeFor(appends: readonly Append[]): void {
      if (appends.some(({ writes }) => writes.some(isFollowed))) wakeUp.signal();
    },

    check(): Check {
      const { error } = subscription.status();
      return error === undefined
        ? { name, ok: true }
        : { name, ok: isExcused(failure), message: error };
    },

    /** Finishes the page at hand; what is left is met at the next start. */
    async stop(): Promise<void> {
      await subscription.stop();
      await manager.keep();
    },
  };
}
