// Wires the queries to the answers that are cached for all nodes.
import type { Logger } from 'pino';
import type { Append, EventLog } from './kernel/event-log.ts';
import { createCacheRefresher } from './kernel/cache-refresher.ts';
import { type AnswerCache, type CachedReads, createCachedReads } from './kernel/cached-reads.ts';
import type { Keyring } from './kernel/keyring.ts';
import { createRecentChanges } from './kernel/recent-changes.ts';
import type { Position } from './kernel/stream.ts';
import { createSubscription } from './kernel/subscription.ts';
import { createCachedQueries, createQuestionOf, type ReadQueries } from './queries/cached.ts';
import type { Queries } from './queries/index.ts';
import type { ReadSide } from './read-side.ts';
import { systemClock as clock } from './storage/clock.ts';
import { createWakeUp } from './storage/wake-up.ts';

export type CachedSideParts = {
  readonly log: EventLog;
  readonly keyring: Keyring;
  readonly queries: Queries;
  readonly readSide: Pick<ReadSide, 'progress' | 'onProgress'>;
  /**
   * How far rows have come as far as whoever was let in to read knows, which may be further than this node has
   * been told of yet.
   */
  readonly appliedAtLeast: () => Position;
  /** Called right before rows are read. */
  readonly enter: () => void;
  readonly logger: Logger;
};

/** @param cache Undefined: every query reads rows. */
export function openCachedSide(cache: AnswerCache | undefined, parts: CachedSideParts) {
  return cache ? createCachedSide(cache, parts) : uncached(parts.queries);
}

function uncached(queries: Queries): CachedSide {
  const nothing = () => {};
  const stop = async () => {};
  return { queries, start: nothing, stop, wake: nothing, appended: nothing };
}

type CachedSide = {
  readonly queries: ReadQueries;
  /** How often a cached answer was given, was not there, or was there and too old. */
  readonly counts?: CachedReads['counts'];
  readonly start: () => void;
  readonly stop: () => Promise<void>;
  /** The log has grown by what another node has committed. */
  readonly wake: () => void;
  /** The log has grown by these, up to `head`. */
  readonly appended: (appends: readonly Append[], head: Position) => void;
};

function createCachedSide(cache: AnswerCache, parts: CachedSideParts): CachedSide {
  const { log, keyring, queries, readSide, appliedAtLeast, enter, logger } = parts;
  const changes = createRecentChanges(log);
  const wakeUp = createWakeUp();
  const subscription = createSubscription({
    advance: changes.advance,
    wakeUp,
    clock,
    onStatus: (status) => logger[status.error ? 'warn' : 'debug'](status, 'recent changes'),
  });
  const onFailure = (err: unknown) => logger.warn({ err }, 'an answer could not be cached');

  function rowsOf(projection: string) {
    const { positions, builds } = readSide.progress();
    const [position, build] = [positions[projection], builds[projection]];
    if (position === undefined || build === undefined) return undefined;
    return { position: Math.max(position, appliedAtLeast()) as Position, build };
  }

  const reads = createCachedReads({ cache, changes, keyring, rowsOf, onFailure });
  const questionOf = createQuestionOf({ queries, enter });
  const refresher = createCacheRefresher({ reads, questionOf, onFailure });
  readSide.onProgress(() => refresher.reached(readSide.progress().applied));
  return {
    queries: createCachedQueries({ queries, reads, enter }),
    counts: reads.counts,
    start: subscription.start,
    stop: subscription.stop,
    wake: wakeUp.signal,
    appended(appends, head) {
      wakeUp.signal();
      const streams = appends.flatMap(({ writes }) => writes.map(({ stream }) => stream));
      refresher.changed(new Set(streams), head);
    },
  };
}
