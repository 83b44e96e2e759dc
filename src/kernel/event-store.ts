// The typed face of an event log: events as the domain knows them, sealed and opened on the way,
// appends gathered into group commits.
import type { Append, AppendOutcome, EventLog, StoredEvent } from './event-log.ts';
import type { Recorded } from './event.ts';
import { groupCommit } from './group-commit.ts';
import type { Keyring } from './keyring.ts';
import type { EventRegistry } from './registry.ts';
import { noEvents, type Position, type StreamName, type Version } from './stream.ts';

const pageSize = 500;

export type EventStore = ReturnType<typeof createEventStore>;

export type EventStoreParts = {
  readonly log: EventLog;
  readonly registry: EventRegistry;
  readonly keyring: Keyring;
  /** Resolves at the end of the present turn of the event loop; see `groupCommit`. */
  readonly endOfTurn?: () => Promise<void>;
};

export function createEventStore({ log, registry, keyring, endOfTurn }: EventStoreParts) {
  const commits = groupCommit<Append, AppendOutcome>(log.append, endOfTurn);
  return {
    registry,
    keyring,
    append: commits.submit,
    /** Resolves when every append so far has been answered. */
    idle: commits.idle,
    head: log.head,
    holderOf: log.holderOf,

    /** All events of a stream above `after`, page by page, oldest first. */
    async *readStream(stream: StreamName, after: Version = noEvents): AsyncGenerator<Recorded> {
      let version = after;
      for (;;) {
        const page = await log.readStream(stream, version, pageSize);
        yield* await registry.decode(page, keyring);
        if (page.length < pageSize) return;
        version = page.at(-1)!.version;
      }
    },

    /** The log backwards from its head, as far as the reader goes, as it is stored: nothing is opened. */
    async *readBack(): AsyncGenerator<StoredEvent> {
      let before = ((await log.head()) + 1) as Position;
      for (;;) {
        const page = await log.readBack(before, pageSize);
        yield* page;
        if (page.length < pageSize) return;
        before = page.at(-1)!.position;
      }
    },
  };
}
