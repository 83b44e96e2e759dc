import type { JobFailure } from '../kernel/jobs.ts';

/** Longer reasons are cut. */
const reasonLengthMax = 500;

/** What an engine tells about its jobs while nobody asks. */
export type JobReports = {
  readonly onFailed: (failure: JobFailure, error: unknown) => void;
  /** The engine itself has trouble; it goes on by itself when it can. */
  readonly onTrouble: (error: unknown) => void;
};

export function reasonOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).slice(0, reasonLengthMax);
}
