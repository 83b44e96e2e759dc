import type { LoadResult } from './load-specification.ts';
import type { BenchOptions } from './options.ts';
import type { Refold } from './refold.ts';

/**
 * Rebuilds every read model from the log in `refold.dataDirectory`, whose server has been stopped,
 * and answers with `replayResult(events, seconds)`.
 */
export type RebuildWithRefold = (refold: Refold, options: BenchOptions) => Promise<LoadResult>;

/** Not wired: Refold has no replay to call yet. */
export const rebuildWithRefold: RebuildWithRefold | undefined = undefined;
