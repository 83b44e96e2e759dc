// Events as live followers take them: opened once, and written out once for each audience.
import type { ChatEvent } from '../events/chat.ts';
import { type Recorded, reveal } from '../kernel/event.ts';
import type { StoredEvent } from '../kernel/event-log.ts';
import type { EventStore } from '../kernel/event-store.ts';
import type { Entry } from '../kernel/catch-up.ts';
import { idOf } from '../kernel/stream.ts';
import { type Audience, eventText } from './visibility.ts';

export type LiveEntry = Entry & {
  readonly event: Recorded;
  /** The frame of a server-sent event, made once for each audience. */
  readonly frame: (audience: Audience) => string;
  /** The text of a frame for the members of `room`; undefined for what is not of a room. */
  readonly chat: ChatFrame | undefined;
};

export type ChatFrame = { readonly room: string; readonly text: string };

export type EntryParts = {
  readonly store: Pick<EventStore, 'registry' | 'keyring'>;
  /** What a message's author is called now. */
  readonly nameOf: (userId: string) => Promise<string>;
  /** Told of events that cannot be opened: they are left out, for no follower could take them. */
  readonly onBroken: (event: StoredEvent, error: unknown) => void;
};

export function entryOpener({ store, nameOf, onBroken }: EntryParts) {
  async function chatFrame(event: Recorded): Promise<ChatFrame | undefined> {
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
      name: await nameOf(data.authorId),
      data: { text: reveal(data.text) },
      at: Date.parse(event.time),
      position,
    };
    return { room: data.room, text: JSON.stringify(frame) };
  }

  return async (page: readonly StoredEvent[]): Promise<readonly LiveEntry[]> => {
    const open = await store.registry.decoder(page, store.keyring);
    const entries: LiveEntry[] = [];
    for (const stored of page) {
      try {
        const event = open(stored);
        entries.push(liveEntry(event, stored.meta, await chatFrame(event)));
      } catch (error) {
        onBroken(stored, error);
      }
    }
    return entries;
  };
}

function liveEntry(event: Recorded, meta: string, chat: ChatFrame | undefined): LiveEntry {
  const { position, type } = event;
  const frames: Partial<Record<Audience, string>> = {};
  const frameFor = (audience: Audience) =>
    `id: ${position}\nevent: ${type}\ndata: ${eventText(event, meta, audience)}\n\n`;
  return {
    position,
    event,
    chat,
    frame: (audience) => (frames[audience] ??= frameFor(audience)),
  };
}
