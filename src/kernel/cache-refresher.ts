// Brings cached answers up to date once the rows have changed, so that what is read often is not read anew
// by every node. A hint: what is missed here is read from the rows by whoever asks next.
import type { CachedReads, Question } from './cached-reads.ts';
import type { Position, StreamName } from './stream.ts';

/** Beyond it the rows are so far behind that those who ask will have come first. */
const waitingMax = 1_000;

type Parts = {
  readonly reads: Pick<CachedReads, 'refresh'>;
  readonly questionOf: (stream: StreamName) => Question<unknown> | undefined;
  readonly onFailure: (error: unknown) => void;
};

export function createCacheRefresher({ reads, questionOf, onFailure }: Parts) {
  const waiting = new Map<StreamName, Position>();
  return {
    /** Events up to `position` have touched these streams. */
    changed(streams: Iterable<StreamName>, position: Position): void {
      for (const stream of streams) {
        if (waiting.size < waitingMax && questionOf(stream)) waiting.set(stream, position);
      }
    },

    /** The rows have come to `position`. */
    reached(position: Position): void {
      for (const [stream, changedAt] of waiting) {
        if (changedAt > position) continue;
        waiting.delete(stream);
        void reads.refresh(questionOf(stream)!).catch(onFailure);
      }
    },
  };
}
