// Which reads must wait, and how long. A command is answered as soon as it is durable; whoever reads
// next waits until the rows are there, a millisecond as a rule. A read must see the position it asks for,
// what its caller has written, and what was there at the start, or it is refused. What others have
// written it sees as well, unless the read models are so late that answering is better than waiting.
import { LRUCache } from 'lru-cache';
import type { Position } from '../kernel/stream.ts';
import { EdgeRefusal } from './problem.ts';

const writersRemembered = 10_000;

/** How long a read waits for what it must see, and for what others have written. */
export type FreshnessMs = { readonly own: number; readonly others: number };
export const freshnessMs: FreshnessMs = { own: 2_000, others: 250 };

export type ReadModelProgress = {
  readonly hasReached: (position: Position) => boolean;
  readonly reached: (position: Position, ms: number) => Promise<boolean>;
  /** Called right before a query reads. */
  readonly enter: () => void;
};

export type Freshness = {
  /** After a command, before it is answered: from now on every read waits for it. */
  readonly wrote: (userId: string, position: Position) => void;
  /** Whether the read models have come to `position`, waiting two seconds for it. */
  readonly caughtUp: (position: Position) => Promise<boolean>;
  /** Gives the read models a moment to come to what was acknowledged, whether they do or not. */
  readonly settled: () => Promise<void>;
  /**
   * Before a query.
   * @throws EdgeRefusal 503 when the read models do not get there in two seconds.
   */
  readonly read: (request: Request, userId: string) => Promise<void>;
};

/** @param startHead Where the log ended at the start: no read is answered from before it. */
export function createFreshness(readModels: ReadModelProgress, startHead: Position): Freshness {
  const { demandOf, wrote } = createDemands(startHead);
  let newest = startHead;

  async function settled(): Promise<void> {
    if (!readModels.hasReached(newest)) await readModels.reached(newest, freshnessMs.others);
  }

  return {
    wrote(userId, position) {
      wrote(userId, position);
      if (position > newest) newest = position;
    },
    caughtUp: (position) => readModels.reached(position, freshnessMs.own),
    settled,
    async read(request, userId) {
      const position = demandOf(request, userId);
      const isThere =
        readModels.hasReached(position) || (await readModels.reached(position, freshnessMs.own));
      if (!isThere) throw tooEarly();
      if (!readModels.hasReached(newest)) await settled();
      readModels.enter();
    },
  };
}

/** What each read must see, as far as this process knows. */
export function createDemands(startHead: Position) {
  const ownWrites = new LRUCache<string, Position>({ max: writersRemembered });
  return {
    wrote(userId: string, position: Position): void {
      // A command that had nothing to do is answered with the place of an older event.
      ownWrites.set(userId, Math.max(position, ownWrites.get(userId) ?? 0) as Position);
    },
    /** @throws EdgeRefusal 422 for a header that is no position. */
    demandOf(request: Request, userId: string): Position {
      const header = request.headers.get('read-after');
      if (header !== null && !/^\d{1,15}$/.test(header)) {
        throw new EdgeRefusal(422, 'VALIDATION_ERROR', 'The header Read-After must be a position.');
      }
      const own = ownWrites.size > 0 ? (ownWrites.get(userId) ?? 0) : 0;
      return Math.max(startHead, own, header === null ? 0 : Number(header)) as Position;
    },
  };
}

export function tooEarly() {
  const retry = { 'retry-after': '1' };
  return new EdgeRefusal(503, 'UNAVAILABLE', 'The read model has not come that far yet.', retry);
}
