// Which reads must wait where several nodes write: the same promises as in `freshness.ts`, but what a caller has
// written on another node is known to the log alone. So the stores are asked before each read, once for all
// that come at the same time: usually the rows are where the log is, and nothing waits.
import type { Position } from '../kernel/stream.ts';
import {
  type Freshness,
  type FreshnessMs,
  createDemands,
  freshnessMs,
  type ReadModelProgress,
  tooEarly,
} from './freshness.ts';

/** Events that are looked through for those of one person; behind by more, a read is refused. */
const behindMax = 10_000;
/** How long to wait for news of the rows before the stores are asked again. */
const askAgainMs = 20;

export type Standing = { readonly head: Position; readonly applied: Position };

export type SharedReadModels = Pick<ReadModelProgress, 'reached' | 'enter'> & {
  /** Where the log ends, and up to where rows have come, at one moment that is after the call. */
  readonly standing: () => Promise<Standing>;
  /** The position of the newest event between two positions that a person has caused; 0 for none. */
  readonly newestBy: (userId: string, range: Standing) => Promise<Position>;
};

/** @param startHead Where the log ended at the start: no read is answered from before it. */
export function createSharedFreshness(
  readModels: SharedReadModels,
  startHead: Position,
  { own: ownMs, others: othersMs }: FreshnessMs = freshnessMs,
): Freshness {
  const { reached, enter, newestBy } = readModels;
  const standing = shared(readModels.standing);
  const { demandOf, wrote } = createDemands(startHead);

  /** Waits until rows have come to a position; answers where they and the log were when they last were looked at. */
  async function wait(position: Position, from: Standing, ms: number): Promise<Standing> {
    const deadline = performance.now() + ms;
    let last = from;
    while (last.applied < position && performance.now() < deadline) {
      await reached(position, askAgainMs);
      last = await standing();
    }
    return last;
  }

  async function caughtUp(position: Position): Promise<boolean> {
    const { applied } = await wait(position, await standing(), ownMs);
    return applied >= position;
  }

  return {
    wrote,
    caughtUp,
    async settled() {
      const now = await standing();
      await wait(now.head, now, othersMs);
    },

    async read(request, userId) {
      const demand = demandOf(request, userId);
      const first = await standing();
      let { applied } = first;
      if (applied < demand) ({ applied } = await wait(demand, first, ownMs));
      if (applied < demand) throw tooEarly();
      if (applied < first.head) ({ applied } = await wait(first.head, first, othersMs));
      if (applied < first.head) await waitForOwn(userId, { head: first.head, applied });
      enter();
    },
  };

  /** @throws EdgeRefusal 503 when the rows do not come to what the person has written. */
  async function waitForOwn(userId: string, range: Standing): Promise<void> {
    const isFar = range.head - range.applied > behindMax;
    const own = isFar ? range.head : await newestBy(userId, range);
    if (own > range.applied && !(await caughtUp(own))) throw tooEarly();
  }
}

/** One call for all who ask before it is made; it is made when the one before it has been answered. */
function shared<Answer>(ask: () => Promise<Answer>): () => Promise<Answer> {
  let running: Promise<unknown> = Promise.resolve();
  let next: Promise<Answer> | undefined;
  return () => {
    if (next) return next;
    const begin = () => {
      next = undefined;
      return ask();
    };
    next = running.then(begin, begin);
    running = next;
    return next;
  };
}
