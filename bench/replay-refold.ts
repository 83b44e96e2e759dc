import { runPeer } from './children.ts';
import type { LoadResult } from './load-specification.ts';
import type { BenchOptions } from './options.ts';
import type { Refold } from './refold.ts';

/** Rebuilds every read model from the log in `refold.dataDirectory`, whose server has been stopped. */
export function rebuildWithRefold(refold: Refold, options: BenchOptions): Promise<LoadResult> {
  const { CRYPTO_SECRET = '' } = refold.environment;
  return runPeer('refold-replay.ts', { DATA: refold.dataDirectory, CRYPTO_SECRET }, options);
}
