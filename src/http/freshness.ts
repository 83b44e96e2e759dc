// Which reads must wait: those that ask for a position, those of somebody whose own write is not
// projected yet, and those right after a start.
import { LRUCache } from 'lru-cache';
import type { Position } from '../kernel/stream.ts';
import { EdgeRefusal } from './problem.ts';

const waitMsMax = 2_000;
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
  const unseenWrites = new LRUCache<string, Position>({ max: writersRemembered });

  function demandOf(request: Request, userId: string): number {
    const header = request.headers.get('read-after');
    if (header !== null && !/^\d{1,15}$/.test(header)) {
      throw new EdgeRefusal(422, 'VALIDATION_ERROR', 'The header Read-After must be a position.');
    }
    const own = unseenWrites.size > 0 ? (unseenWrites.get(userId) ?? 0) : 0;
    return Math.max(startHead, own, header === null ? 0 : Number(header));
  }

  return {
    /** After a command: waits until its author's reads will see it, or remembers that they must. */
    async wrote(userId: string, position: Position): Promise<void> {
      if (!(await readModels.reached(position, waitMsMax))) unseenWrites.set(userId, position);
    },

    /**
     * Before a query.
     * @throws EdgeRefusal 503 when the read models do not get there in two seconds.
     */
    async read(request: Request, userId: string): Promise<void> {
      const position = demandOf(request, userId) as Position;
      const isThere =
        readModels.hasReached(position) || (await readModels.reached(position, waitMsMax));
      if (isThere) return readModels.enter();
      const retry = { 'retry-after': '1' };
      throw new EdgeRefusal(503, 'UNAVAILABLE', 'The read model has not come that far yet.', retry);
    },
  };
}
