// Runs the process managers: in the main thread, because what they do is to give commands.
import type { Logger } from 'pino';
import type { Commands } from './commands/index.ts';
import { normaliseEmail } from './commands/users.ts';
import type { AppEvent } from './events/index.ts';
import type { EventLog } from './kernel/event-log.ts';
import type { Leases } from './kernel/lease.ts';
import type { EventStore } from './kernel/event-store.ts';
import { erased, type Recorded, reveal } from './kernel/event.ts';
import type { FollowerCheckpoints } from './kernel/follower-checkpoints.ts';
import { idOf, type Position } from './kernel/stream.ts';
import type { NewId } from './kernel/time.ts';
import { createLogFollower } from './log-follower.ts';
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
  readonly leases?: Leases | undefined;
  readonly commands: Pick<Commands, 'notifications'>;
  readonly newId: NewId;
  readonly logger: Logger;
};

/** To be called before anything is appended; nothing runs before `start`. */
export async function createReactions(parts: ReactionParts) {
  const { commands, newId } = parts;
  const { registry, keyring } = parts.store;

  async function raise({ command, context }: Raising): Promise<void> {
    const outcome = await commands.notifications(newId(), command, context);
    if (!outcome.ok) throw new Error(`A notification was refused: ${outcome.rejection}`);
  }

  const react = createNotifier(peopleOf(parts), raise);
  return await createLogFollower({
    ...parts,
    registry,
    keyring,
    name: notificationsManager,
    types: causes,
    react: (event) => react(event as Recorded<AppEvent>),
  });
}

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
      const found = await queries.users.named(names);
      return found.filter(({ name }) => name !== nameOfErased);
    },
  };
}
