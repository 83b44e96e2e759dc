// Brings up those who are far behind the newest events: one page at a time, in turn, and between two pages
// everything else has its turn, so that however many come back with however old a position, requests wait
// for a page and never for a log. Those who come back together read the same pages, so these are kept for as
// long as anybody catches up.
import type { EventLog, StoredEvent } from './event-log.ts';
import { logStart, type Position } from './stream.ts';

/** As much as may hold up the thread: about a millisecond. */
const pageSize = 100;
const pagesRemembered = 64;

/** An event as followers take it; made once for all of them. */
export type Entry = { readonly position: Position };

/** `to` is the position behind which the next page begins. */
export type Page<One extends Entry> = { readonly entries: readonly One[]; readonly to: Position };

export type CatchUpParts<One extends Entry, Far> = {
  readonly log: Pick<EventLog, 'readAll'>;
  readonly open: (page: readonly StoredEvent[]) => Promise<readonly One[]>;
  readonly endOfTurn: () => Promise<void>;
  /** Takes one step; answers whether it wants another. Never rejects. */
  readonly advance: (
    far: Far,
    pageBehind: (position: Position) => Promise<Page<One>>,
  ) => Promise<boolean>;
};

export function createCatchUp<One extends Entry, Far>({
  log,
  open,
  endOfTurn,
  advance,
}: CatchUpParts<One, Far>) {
  const waiting: Far[] = [];
  const pages = new Map<number, Page<One>>();
  /** How often what was read had to be forgotten. */
  let forgotten = 0;
  let isRunning = false;

  async function run() {
    isRunning = true;
    for (let far = waiting.shift(); far !== undefined; far = waiting.shift()) {
      if (await advance(far, pageBehind)) waiting.push(far);
      await endOfTurn();
    }
    pages.clear();
    isRunning = false;
  }

  /** Pages begin at multiples of their size, so that they are the same whoever asks. */
  async function pageBehind(position: Position): Promise<Page<One>> {
    const number = Math.floor(position / pageSize);
    const { entries, to } = pages.get(number) ?? (await read(number));
    if (to <= position) throw new Error(`The log ends before position ${position}.`);
    return { entries: entries.slice(firstBehind(entries, position)), to };
  }

  async function read(number: number): Promise<Page<One>> {
    const begun = forgotten;
    const stored = await log.readAll((number * pageSize) as Position, pageSize);
    const page = { entries: await open(stored), to: stored.at(-1)?.position ?? logStart };
    if (stored.length < pageSize || begun !== forgotten) return page;
    pages.set(number, page);
    const [oldest] = pages.keys();
    if (pages.size > pagesRemembered) pages.delete(oldest!);
    return page;
  }

  return {
    add(far: Far): void {
      waiting.push(far);
      if (!isRunning) void run();
    },
    /** Pages are to be opened anew. */
    forget(): void {
      pages.clear();
      forgotten += 1;
    },
  };
}

/** Index of the first entry with a position above `after`, by bisection. */
export function firstBehind(entries: readonly Entry[], after: Position): number {
  let [low, high] = [0, entries.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (entries[middle]!.position > after) high = middle;
    else low = middle + 1;
  }
  return low;
}
