// Live delivery: one tail of the log for the whole process, one opening of an event, and one cursor a
// follower. A cursor that stands within the newest entries takes them from memory; one that is further
// back is brought up by pages of the log (`catch-up.ts`). Both move the same cursor over the same
// positions, so that nothing is missed or doubled where one hands over to the other. What a follower cannot
// take is not buffered for it: its cursor stays where it is.
import { createCatchUp, type Entry, firstBehind, type Page } from './catch-up.ts';
import type { EventLog, StoredEvent } from './event-log.ts';
import type { Position } from './stream.ts';
import { createSubscription, type SubscriptionStatus } from './subscription.ts';
import type { Clock } from './time.ts';
import type { WakeUp } from './wake-up.ts';

/** Those who come back after a moment find these in memory; twice as many are kept before some are dropped. */
const entriesRemembered = 512;
const pageSize = 250;

export type Follower<One extends Entry> = {
  /**
   * Takes entries in the order of the log. Answers how many of them it has taken: fewer than all of them when
   * it can take no more for now, and then `resume` tells that it can.
   */
  readonly take: (entries: readonly One[]) => number;
  /** Called once if the log cannot be read for it; it is followed no longer. */
  readonly onFailure: (error: unknown) => void;
};

export type LiveFeedParts<One extends Entry> = {
  readonly log: Pick<EventLog, 'readAll' | 'readBack' | 'head'>;
  /** Opens a page; an event that cannot be opened is left out. */
  readonly open: (page: readonly StoredEvent[]) => Promise<readonly One[]>;
  /** Opens a page from behind the newest events: what came later may have changed what it shows. */
  readonly openOlder: (page: readonly StoredEvent[]) => Promise<readonly One[]>;
  /** Resolves when everything else that waits for this thread has had its turn. */
  readonly endOfTurn: () => Promise<void>;
  readonly wakeUp: WakeUp;
  readonly clock: Clock;
  readonly onStatus: (status: SubscriptionStatus) => void;
};

type Cursor<One extends Entry> = {
  readonly follower: Follower<One>;
  /** Everything up to here has been taken, or was not for this follower. */
  position: Position;
  /** Until the log has been read once more: what is remembered may be older than what it knows of. */
  isNew: boolean;
  isReading: boolean;
  isFull: boolean;
  isStopped: boolean;
};

type Remembered<One extends Entry> = { after: Position; readonly entries: One[] };

export type Following = {
  /** The newest position that was taken. */
  readonly position: () => Position;
  /** The follower can take more. */
  readonly resume: () => void;
  readonly stop: () => void;
};

export type LiveFeed<One extends Entry> = ReturnType<typeof createLiveFeed<One>>;

export function createLiveFeed<One extends Entry>(parts: LiveFeedParts<One>) {
  const { log, open, endOfTurn } = parts;
  const catchUp = createCatchUp({ ...parts, open: parts.openOlder, advance: advanceFarCursor });
  const cursors = new Set<Cursor<One>>();
  /** The newest entries; `remembered.after` is the position before the first of them. */
  let remembered: Remembered<One> | undefined;
  let tail: Position = 0 as Position;
  /** How often. */
  let forgotten = 0;

  /** One page of the log behind the tail, if anybody follows. */
  async function advance(): Promise<boolean> {
    if (cursors.size === 0) {
      remembered = undefined;
      return false;
    }
    if (!remembered) await begin();
    const arrived = [...cursors].filter(({ isNew }) => isNew);
    const page = await log.readAll(tail, pageSize);
    const isLast = page.length < pageSize;
    if (isLast) for (const cursor of arrived) cursor.isNew = false;
    if (page.length === 0) for (const cursor of arrived) moveOn(cursor);
    else if (!(await handOn(page))) return true;
    if (isLast) return false;
    await endOfTurn();
    return true;
  }

  /** Answers false if it was told to forget meanwhile: what was opened is to be opened anew. */
  async function handOn(page: readonly StoredEvent[]): Promise<boolean> {
    const entries = await open(page);
    if (!remembered) return false;
    keepNewest(remembered, entries);
    tail = page.at(-1)!.position;
    for (const cursor of cursors) offer(cursor, entries);
    return true;
  }

  async function begin(): Promise<void> {
    const begun = forgotten;
    const { head, ...newest } = await newestOf(parts);
    if (begun !== forgotten) return begin();
    remembered = newest;
    tail = head;
    for (const cursor of cursors) moveOn(cursor);
  }

  /** New entries for a cursor that stood at the tail; one that did not finds them in its own time. */
  function offer(cursor: Cursor<One>, entries: readonly One[]) {
    const isNext = entries[0]?.position === cursor.position + 1;
    if (isNext && !isBusy(cursor)) give(cursor, entries, tail);
    else moveOn(cursor);
  }

  /** Gives what is remembered behind a cursor, or begins to read the log for it. */
  function moveOn(cursor: Cursor<One>): void {
    if (isBusy(cursor)) return;
    if (!remembered || cursor.position >= tail) return;
    cursor.isReading = cursor.position < remembered.after;
    if (cursor.isReading) return catchUp.add(cursor);
    const { entries } = remembered;
    give(cursor, entries.slice(firstBehind(entries, cursor.position)), tail);
  }

  /** Gives a page to a cursor that is far behind; answers whether it is to be given another. */
  async function advanceFarCursor(
    cursor: Cursor<One>,
    pageBehind: (position: Position) => Promise<Page<One>>,
  ): Promise<boolean> {
    try {
      const { entries, to } = await pageBehind(cursor.position);
      if (cursor.isStopped) return false;
      give(cursor, entries, to);
      if (!cursor.isFull && cursor.position < (remembered?.after ?? 0)) return true;
    } catch (error) {
      stop(cursor);
      cursor.follower.onFailure(error);
    }
    cursor.isReading = false;
    moveOn(cursor);
    return false;
  }

  function stop(cursor: Cursor<One>) {
    cursor.isStopped = true;
    cursors.delete(cursor);
  }

  const subscription = createSubscription({ ...parts, advance });
  return {
    start: subscription.start,
    stop: subscription.stop,
    /** What was opened must be shown to nobody any more as it was: it is opened anew from the log. */
    forget(): void {
      remembered = undefined;
      forgotten += 1;
      catchUp.forget();
      parts.wakeUp.signal();
    },

    /** How many follow. */
    size: () => cursors.size,

    /** Delivers every event above `after`, each once and in order, until it is stopped. */
    follow(follower: Follower<One>, after: Position): Following {
      const cursor = cursorOf(follower, after);
      cursors.add(cursor);
      parts.wakeUp.signal();
      return {
        position: () => cursor.position,
        resume() {
          cursor.isFull = false;
          moveOn(cursor);
        },
        stop: () => stop(cursor),
      };
    },
  };
}

function cursorOf<One extends Entry>(follower: Follower<One>, position: Position): Cursor<One> {
  const state = { isNew: true, isReading: false, isFull: false, isStopped: false };
  return { follower, position, ...state };
}

/** Whether it is not to be given anything now. */
function isBusy<One extends Entry>(cursor: Cursor<One>): boolean {
  return cursor.isNew || cursor.isReading || cursor.isFull || cursor.isStopped;
}

/** @param to Where the cursor stands if all is taken: the last entries of a page may have been left out. */
function give<One extends Entry>(cursor: Cursor<One>, entries: readonly One[], to: Position) {
  const taken = cursor.follower.take(entries);
  cursor.isFull = taken < entries.length;
  if (taken === entries.length) cursor.position = to;
  else if (taken > 0) cursor.position = entries[taken - 1]!.position;
}

/** What was newest before anybody followed: whoever comes back has missed little. */
async function newestOf<One extends Entry>({
  log,
  open,
}: Pick<LiveFeedParts<One>, 'log' | 'open'>) {
  const head = await log.head();
  const page = (await log.readBack((head + 1) as Position, entriesRemembered)).toReversed();
  const after = ((page[0]?.position ?? head + 1) - 1) as Position;
  return { head, after, entries: [...(await open(page))] };
}

function keepNewest<One extends Entry>(remembered: Remembered<One>, entries: readonly One[]) {
  const { entries: all } = remembered;
  all.push(...entries);
  if (all.length < 2 * entriesRemembered) return;
  const dropped = all.splice(0, all.length - entriesRemembered);
  remembered.after = dropped.at(-1)!.position;
}
