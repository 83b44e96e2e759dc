// Runs the process managers: in the main thread, because what they do is to give commands.
import type { Logger } from 'pino';
import type { Commands } from './commands/index.ts';
import { normaliseEmail } from './commands/users.ts';
import type { AppEvent } from './events/index.ts';
import type { Check } from './http/health.ts';
import type { Append, EventLog, Write } from './kernel/event-log.ts';
import type { EventStore } from './kernel/event-store.ts';
import { erased, type Recorded, reveal } from './kernel/event.ts';
import type { FollowerCheckpoints } from './kernel/follower-checkpoints.ts';
import { createProcessManager } from './kernel/process-manager.ts';
import { idOf, type Position } from './kernel/stream.ts';
import { createSubscription } from './kernel/subscription.ts';
import type { NewId } from './kernel/time.ts';
import {
  causes,
  createNotifier,
  notificationsManager,
  type People,
  type Raising,
} from './process-managers/notifications.ts';
import { usersProjection } from './projections/users.ts';
import type { Queries } from './queries/index.ts';
import type { ReadSide } from './read-side.ts';
import { systemClock as clock } from './storage/clock.ts';
import { createWakeUp } from './storage/wake-up.ts';

const rowsWaitMs = 2_000;
/** How every erased person is called: a name that finds nobody. */
const nameOfErased = reveal(erased);

type PeopleParts = {
  readonly store: Pick<EventStore, 'holderOf'>;
  readonly digest: (kind: string, value: string) => string;
  readonly queries: Pick<Queries, 'users'>;
  readonly readSide: Pick<ReadSide, 'reached' | 'progress'>;
  /** Called right before a query reads. */
  readonly enter: () => void;
};

export type ReactionParts = PeopleParts & {
  readonly log: Pick<EventLog, 'readTypes' | 'head'>;
  readonly store: Pick<EventStore, 'holderOf' | 'registry' | 'keyring'>;
  readonly checkpoints: FollowerCheckpoints;
  readonly commands: Pick<Commands, 'notifications'>;
  readonly newId: NewId;
  readonly logger: Logger;
};

/** To be called before anything is appended; nothing runs before `start`. */
export async function createReactions(parts: ReactionParts) {
  const { commands, newId, logger } = parts;
  const { registry, keyring } = parts.store;

  async function raise({ command, context }: Raising): Promise<void> {
    const outcome = await commands.notifications(newId(), command, context);
    if (!outcome.ok) throw new Error(`A notification was refused: ${outcome.rejection}`);
  }

  const react = createNotifier(peopleOf(parts), raise);
  const manager = createProcessManager({
    ...parts,
    registry,
    keyring,
    clock,
    name: notificationsManager,
    types: causes,
    react: (event) => react(event as Recorded<AppEvent>),
    onUnreadable: ({ position }, err) =>
      logger.error({ position, err }, 'an event that cannot be read leads to no notification'),
  });
  await manager.begin();

  const wakeUp = createWakeUp();
  const subscription = createSubscription({
    advance: manager.advance,
    wakeUp,
    clock,
    onStatus: (status, err) =>
      err === undefined
        ? logger.debug(status, manager.name)
        : logger.warn({ ...status, err }, `${manager.name}: trying again`),
  });

  return {
    name: manager.name,
    position: manager.position,
    start: subscription.start,
    /** The log has grown by these; what holds no cause is passed over when there is time. */
    wakeFor(appends: readonly Append[]): void {
      if (appends.some(({ writes }) => writes.some(hasCause))) wakeUp.signal();
    },

    check(): Check {
      const { error } = subscription.status();
      const { name } = manager;
      return error === undefined ? { name, ok: true } : { name, ok: false, message: error };
    },

    /** Finishes the page at hand; what is left is met at the next start. */
    async stop(): Promise<void> {
      await subscription.stop();
      await manager.keep();
    },
  };
}

const causing = new Set<string>(causes);
const hasCause = ({ events }: Write) => events.some(({ type }) => causing.has(type));

function peopleOf({ store, digest, queries, readSide, enter }: PeopleParts): People {
  return {
    async holderOf(address) {
      const holder = await store.holderOf('email', digest('email', normaliseEmail(address)));
      return holder && idOf(holder);
    },

    async named(names, position: Position) {
      const isThere = await readSide.reached(position, rowsWaitMs);
      if (!isThere || readSide.progress().outdated.includes(usersProjection.name)) {
        throw new Error(`The names of users have not come to position ${position} yet.`);
      }
      enter();
      return queries.users.named(names).filter(({ name }) => name !== nameOfErased);
    },
  };
}
