// Events as live followers take them: opened once, and written out once for each audience.
import { LRUCache } from 'lru-cache';
import type { ChatEvent } from '../events/chat.ts';
import type { Entry } from '../kernel/catch-up.ts';
import { type Recorded, reveal } from '../kernel/event.ts';
import type { EventLog, StoredEvent } from '../kernel/event-log.ts';
import type { EventStore } from '../kernel/event-store.ts';
import { idOf, type StreamName } from '../kernel/stream.ts';
import { type Audience, eventText } from './visibility.ts';

/** Many more than there are entries remembered for those who come next. */
const withdrawalsRemembered = 20_000;
/** What is shown instead of the text of a message that was withdrawn. */
const withdrawnText = '[withdrawn]';

export type LiveEntry = Entry & {
  /** As it is shown: without its text if it is a message that has been withdrawn since. */
  readonly event: Recorded;
  /** As it is in the log. */
  readonly recorded: Recorded;
  /** The frame of a server-sent event, made once for each audience. */
  readonly frame: (audience: Audience) => string;
  /** The text of a frame for the members of `room`; undefined for what is not of a room. */
  readonly chat: ChatFrame | undefined;
};

export type ChatFrame = { readonly room: string; readonly text: string };

export type EntryParts = {
  readonly store: Pick<EventStore, 'registry' | 'keyring'>;
  readonly log: Pick<EventLog, 'readStream'>;
  /** What a message's author is called now. */
  readonly nameOf: (userId: string) => Promise<string>;
  /** Told of events that cannot be opened: they are left out, for no follower could take them. */
  readonly onBroken: (event: StoredEvent, error: unknown) => void;
};

export function entryOpener({ store, log, nameOf, onBroken }: EntryParts) {
  /** As the newest pages tell; pages of any age, which may be many, leave nothing here. */
  const withdrawn = new LRUCache<StreamName, true>({ max: withdrawalsRemembered });

  /** Asked of each message for each follower, and nearly never anything is. */
  const isWithdrawn = (message: StreamName) => withdrawn.size > 0 && withdrawn.has(message);

  function dataTextOf(stored: StoredEvent): string | undefined {
    return store.registry.isReadAsStored(stored) ? stored.data : undefined;
  }

  async function openPage(
    page: readonly StoredEvent[],
    isWithdrawn: (message: StreamName) => boolean,
  ): Promise<readonly LiveEntry[]> {
    const decode = await store.registry.decoder(page, store.keyring);
    const names = new Map<string, string>();
    const entries: LiveEntry[] = [];
    for (const stored of page) {
      try {
        const recorded = decode(stored);
        const author = authorOf(recorded);
        if (author !== undefined && !names.has(author)) names.set(author, await nameOf(author));
        const name = author === undefined ? '' : names.get(author)!;
        const text = { data: dataTextOf(stored), meta: stored.meta, name };
        entries.push(entryOf(recorded, text, isWithdrawn));
      } catch (error) {
        onBroken(stored, error);
      }
    }
    return entries;
  }

  return {
    /** Opens a page of the newest events, each of which comes through here once it is there. */
    open(page: readonly StoredEvent[]): Promise<readonly LiveEntry[]> {
      for (const { type, stream } of page) {
        if (type === 'MessageWithdrawn') withdrawn.set(stream, true);
      }
      return openPage(page, isWithdrawn);
    },

    /** Opens a page of any age; the log is asked which of its messages have been withdrawn since. */
    async openOlder(page: readonly StoredEvent[]): Promise<readonly LiveEntry[]> {
      const messages = page.filter(({ type }) => type === 'MessagePosted');
      const later = messages.map(({ stream, version }) => log.readStream(stream, version, 1));
      const already = new Set<StreamName>();
      for (const [next] of await Promise.all(later)) {
        if (next?.type === 'MessageWithdrawn') already.add(next.stream);
      }
      return openPage(page, (message) => already.has(message) || isWithdrawn(message));
    },
  };
}

type EntryText = {
  /** The text of its data, if that is shown as it is stored. */
  readonly data: string | undefined;
  readonly meta: string;
  /** What the author is called, if it is a message. */
  readonly name: string;
};

/** A message changes when it is withdrawn, even while its entry is remembered for those who come next. */
function entryOf(
  recorded: Recorded,
  text: EntryText,
  isWithdrawn: (message: StreamName) => boolean,
): LiveEntry {
  const asRecorded = entryShowing(recorded, recorded, text);
  if (recorded.type !== 'MessagePosted') return asRecorded;
  let withoutText: LiveEntry | undefined;
  const now = () =>
    isWithdrawn(recorded.stream)
      ? (withoutText ??= entryShowing(withdrawnFrom(recorded), recorded, text))
      : asRecorded;
  return {
    position: recorded.position,
    recorded,
    frame: (audience) => now().frame(audience),
    get event() {
      return now().event;
    },
    get chat() {
      return now().chat;
    },
  };
}

function withdrawnFrom(recorded: Recorded): Recorded {
  return { ...recorded, data: { ...recorded.data, text: withdrawnText } };
}

function entryShowing(event: Recorded, recorded: Recorded, text: EntryText): LiveEntry {
  const { position, type } = event;
  const frames: Partial<Record<Audience, string>> = {};
  const frameFor = (audience: Audience) =>
    `id: ${position}\nevent: ${type}\ndata: ${eventText(event, text, audience)}\n\n`;
  return {
    position,
    event,
    recorded,
    chat: chatFrame(event, text.name),
    frame: (audience) => (frames[audience] ??= frameFor(audience)),
  };
}

function authorOf(event: Recorded): string | undefined {
  const { type, data } = event as unknown as ChatEvent;
  return type === 'MessagePosted' ? data.authorId : undefined;
}

function chatFrame(event: Recorded, name: string): ChatFrame | undefined {
  const { type, data } = event as unknown as ChatEvent;
  const [id, position] = [idOf(event.stream), event.position];
  if (type === 'MessageWithdrawn') {
    return { room: data.room, text: JSON.stringify({ type: 'withdrawn', id, position }) };
  }
  if (type !== 'MessagePosted') return undefined;
  const frame = {
    type: 'message',
    id,
    from: data.authorId,
    name,
    data: { text: reveal(data.text) },
    at: Date.parse(event.time),
    position,
  };
  return { room: data.room, text: JSON.stringify(frame) };
}
