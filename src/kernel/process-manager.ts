// Reactions: a fact here becomes a command there. A process manager follows the log from a checkpoint of
// its own and meets some events again after a crash, so its commands carry ids that repeat with the event.
// It reacts to what the log holds and to nothing else: rebuilding read models never reaches it.
import type { EventLog, StoredEvent } from './event-log.ts';
import type { Recorded } from './event.ts';
import type { FollowerCheckpoints } from './follower-checkpoints.ts';
import type { Keyring } from './keyring.ts';
import type { EventRegistry } from './registry.ts';
import { logStart, type Position } from './stream.ts';
import type { Clock } from './time.ts';

/** Events whose commands run at the same time. */
const pageSize = 100;
/** How much of the log is looked through at once for events to react to. */
const rangeMax = 20_000;
/** `2026-01-01T00:00:00`: the part of a timestamp that changes once a second. */
const secondLength = 19;

export type ProcessManagerParts = {
  /** Also the name of its checkpoint. */
  readonly name: string;
  readonly types: readonly string[];
  /** Repeating it must be harmless. What it throws is tried again. */
  readonly react: (event: Recorded) => Promise<void>;
  readonly log: Pick<EventLog, 'readTypes' | 'head'>;
  readonly registry: EventRegistry;
  readonly keyring: Keyring;
  readonly checkpoints: FollowerCheckpoints;
  readonly clock: Pick<Clock, 'now'>;
  /** An event that cannot be decoded is left out: no retry would mend it. */
  readonly onUnreadable: (event: StoredEvent, error: unknown) => void;
};

export type ProcessManager = ReturnType<typeof createProcessManager>;

export function createProcessManager(parts: ProcessManagerParts) {
  const { name, types, react, log, registry, keyring, checkpoints, clock } = parts;
  let position = logStart;
  let kept = logStart;
  let keptAt = '';
  let wasIdle = false;

  async function keep(): Promise<void> {
    if (position === kept) return;
    const moved = position;
    await checkpoints.moveTo(name, moved);
    kept = moved;
    keptAt = secondOf(clock.now());
  }

  async function reactToAll(stored: readonly StoredEvent[]): Promise<void> {
    const decode = await registry.decoder(stored, keyring);
    const reactions = stored.map(async (event) => {
      const decoded = decodedOrNothing(event, decode);
      if (decoded) await react(decoded);
    });
    // Waits for all of them, so that a retry does not run beside what is still running.
    const outcomes = await Promise.allSettled(reactions);
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  }

  function decodedOrNothing(event: StoredEvent, decode: (event: StoredEvent) => Recorded) {
    try {
      return decode(event);
    } catch (error) {
      parts.onUnreadable(event, error);
      return undefined;
    }
  }

  return {
    name,
    /** Everything up to here has been reacted to. */
    position: () => position,

    /**
     * To be called before anything is appended. One that has never begun begins at the end of the log,
     * and that is kept at once: what happens from now on is met, whenever the process dies.
     */
    async begin(): Promise<void> {
      const head = await log.head();
      const known = await checkpoints.positionOf(name);
      if (known === undefined) await checkpoints.moveTo(name, head);
      kept = position = Math.min(known ?? head, head) as Position;
    },

    /** Handles one page; answers whether more may be waiting. */
    async advance(): Promise<boolean> {
      const head = await log.head();
      if (position >= head) {
        if (wasIdle) await keep();
        wasIdle = true;
        return false;
      }
      wasIdle = false;
      const to = Math.min(head, position + rangeMax) as Position;
      const page = await log.readTypes(types, { after: position, to, limit: pageSize });
      if (page.length > 0) await reactToAll(page);
      position = page.length < pageSize ? to : page.at(-1)!.position;
      if (secondOf(clock.now()) !== keptAt) await keep();
      return position < head;
    },

    /** The checkpoint as it is now, for a quiet start next time. */
    keep,
  };
}

function secondOf(time: string): string {
  return time.slice(0, secondLength);
}
