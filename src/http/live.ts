// What live routes share: the feed, the open connections, and the log as clients page through it.
import type { Position } from '../kernel/stream.ts';
import type { EventLog, StoredEvent } from '../kernel/event-log.ts';
import type { LiveFeed } from '../kernel/live-feed.ts';
import type { User } from './access.ts';
import type { Connections } from './connections.ts';
import type { LiveEntry } from './live-entry.ts';
import type { Tickets } from '../auth/tickets.ts';

export type Live = {
  readonly feed: LiveFeed<LiveEntry>;
  readonly connections: Connections;
  readonly tickets: Tickets<User>;
  /** Where browsers may come from, besides this server's own pages. */
  readonly origins: readonly string[];
  readonly head: () => Promise<Position>;
  readonly read: (after: Position, limit: number) => Promise<Page>;
};

type Page = {
  readonly entries: readonly LiveEntry[];
  /** The last position of the page, whether its event could be opened or not. */
  readonly to: Position;
  readonly isLast: boolean;
};

/** Reads a page of the log for one request, when the others have had their turn. */
export function pageReader(
  log: Pick<EventLog, 'readAll'>,
  open: (page: readonly StoredEvent[]) => Promise<readonly LiveEntry[]>,
  endOfTurn: () => Promise<void>,
): Live['read'] {
  return async (after, limit) => {
    await endOfTurn();
    const page = await log.readAll(after, limit);
    const to = page.at(-1)?.position ?? after;
    return { entries: await open(page), to, isLast: page.length < limit };
  };
}
