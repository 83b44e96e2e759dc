// What the newest events have touched: the memory by which a node judges whether a cached
// answer still holds. It follows the log from the moment it starts and knows a window of it, not more.
import type { EventLog } from './event-log.ts';
import { categoryOf, logStart, type Position, type StreamName } from './stream.ts';

const pageSize = 500;
const windowSizeUsual = 50_000;

export type RecentChanges = ReturnType<typeof createRecentChanges>;

/** @param windowSize How many events it remembers. */
export function createRecentChanges(
  log: Pick<EventLog, 'readAll' | 'readBack' | 'head'>,
  windowSize = windowSizeUsual,
) {
  /** By position modulo the size of the window. */
  const hashes: string[] = [];
  const streams: (StreamName | undefined)[] = [];
  /** The newest position of each stream and of each category within the window. */
  const newest = new Map<string, Position>();
  let first: Position | undefined;
  let head = logStart;

  async function begin(): Promise<Position> {
    head = await log.head();
    const [last] = await log.readBack((head + 1) as Position, 1);
    hashes[head % windowSize] = last?.hash ?? '';
    return (first = head);
  }

  function note(position: Position, stream: StreamName, hash: string) {
    const slot = position % windowSize;
    const leaving = streams[slot];
    const leftAt = (position - windowSize) as Position;
    if (leaving !== undefined && newest.get(leaving) === leftAt) newest.delete(leaving);
    hashes[slot] = hash;
    streams[slot] = stream;
    newest.set(stream, position);
    newest.set(categoryOf(stream), position);
    head = position;
    if (position - first! >= windowSize) first = (leftAt + 1) as Position;
  }

  return {
    /** Handles one page; answers whether more may be waiting. */
    async advance(): Promise<boolean> {
      first ??= await begin();
      const page = await log.readAll(head, pageSize);
      for (const { position, stream, hash } of page) note(position, stream, hash);
      return page.length === pageSize;
    },

    /** Everything up to here is known, beginning with the start or with what the window still holds. */
    head: () => head,

    /** The hash of the log at a position within the window; with it, of all that came before. */
    hashAt(position: Position): string | undefined {
      const isWithin = first !== undefined && position >= first && position <= head;
      return isWithin ? hashes[position % windowSize] : undefined;
    },

    /** Whether nothing has happened to a stream, or to a category of streams, behind a position of the window. */
    isUntouchedSince: (subject: string, position: Position): boolean =>
      (newest.get(subject) ?? logStart) <= position,
  };
}
