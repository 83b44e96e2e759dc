// Which reads must wait, and how long. A command is answered as soon as it is durable; whoever reads
// next waits until the rows are there, a millisecond as a rule. A read must see the position it asks for,
// what its caller has written, and what was there at the start, or it is refused. What others have
// written it sees as well, unless the read models are so late that answering is better than waiting.
import { LRUCache } from 'lru-cache';
import type { Position } from '../kernel/stream.ts';
import { EdgeRefusal } from './problem.ts';

const waitMsMax = 2_000;
const waitForOthersMsMax = 250;
const writersRemembered = 10_000;

export type ReadModelProgress = {
  readonly hasReached: (position: Position) => boolean;
  readonly reached: (position: Position, ms: number) => Promise<boolean>;
  /** Called right before a query reads. */
  readonly enter: () => void;
};

export type Freshness = ReturnType<typeof createFreshness>;

/** @param startHead Where the log ended at the start: no read is answered from before it. */
export function createFreshness(readModels: ReadModelProgress, startHead: Position) {
  const ownWrites = new LRUCache<string, Position>({ max: writersRemembered });
  let newest = startHead;

  function demandOf(request: Request, userId: string): number {
    const header = request.headers.get('read-after');
    if (header !== null && !/^\d{1,15}$/.test(header)) {
      throw new EdgeRefusal(422, 'VALIDATION_ERROR', 'The header Read-After must be a position.');
    }
    const own = ownWrites.size > 0 ? (ownWrites.get(userId) ?? 0) : 0;
    return Math.max(startHead, own, header === null ? 0 : Number(header));
  }

  /** Gives the read models a moment to come to what was acknowledged, whether they do or not. */
  async function settled(): Promise<void> {
    if (!readModels.hasReached(newest)) await readModels.reached(newest, waitForOthersMsMax);
  }

  return {
    /** After a command, before it is answered: from now on every read waits for it. */
    wrote(userId: string, position: Position): void {
      // A command that had nothing to do is answered with the place of an older event.
      ownWrites.set(userId, Math.max(position, ownWrites.get(userId) ?? 0) as Position);
      if (position > newest) newest = position;
    },

    /** Whether the read models have come to `position`, waiting two seconds for it. */
    caughtUp: (position: Position): Promise<boolean> => readModels.reached(position, waitMsMax),

    settled,

    /**
     * Before a query.
     * @throws EdgeRefusal 503 when the read models do not get there in two seconds.
     */
    async read(request: Request, userId: string): Promise<void> {
      const position = demandOf(request, userId) as Position;
      const isThere =
        readModels.hasReached(position) || (await readModels.reached(position, waitMsMax));
      if (!isThere) throw tooEarly();
      if (!readModels.hasReached(newest)) await settled();
      readModels.enter();
    },
  };
}

function tooEarly() {
  const retry = { 'retry-after': '1' };
  return new EdgeRefusal(503, 'UNAVAILABLE', 'The read model has not come that far yet.', retry);
}
