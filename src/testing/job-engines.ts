// The engines of jobs as tests open them, here or in a process that can be killed.
import type { JobFailure, Jobs, RetryPolicy } from '../kernel/jobs.ts';
import { openBullJobs } from '../storage/bullmq/jobs.ts';
import { postgresBackend } from '../storage/bullmq/postgres.ts';
import { redisBackend } from '../storage/bullmq/redis.ts';
import { systemClock as clock } from '../storage/clock.ts';
import { openSqliteJobs } from '../storage/sqlite/jobs.ts';

export type JobPlace =
  | { readonly engine: 'sqlite'; readonly file: string }
  | { readonly engine: 'redis'; readonly url: string; readonly prefix: string }
  | { readonly engine: 'postgres'; readonly url: string; readonly schema: string };

/** Short pauses, and the shortest lock that BullMQ can renew in time. */
export const quickPolicy: RetryPolicy = { attemptsMax: 3, pauseFirstMs: 40, deathsMax: 2 };
const lockMs = 1_000;

export type Opening = {
  readonly onFailed?: (failure: JobFailure, error: unknown) => void;
  readonly onTrouble?: (error: unknown) => void;
  readonly policy?: RetryPolicy;
};

export async function openJobs(
  place: JobPlace,
  { onFailed = () => {}, onTrouble = raise, policy = quickPolicy }: Opening = {},
): Promise<Jobs> {
  const settings = { policy, onFailed, onTrouble };
  switch (place.engine) {
    case 'sqlite':
      return await openSqliteJobs({ ...settings, file: place.file, clock });
    case 'redis':
      return openBullJobs({ ...settings, backend: redisBackend(place.url, place.prefix), lockMs });
    case 'postgres':
      return openBullJobs({
        ...settings,
        backend: postgresBackend(place.url, place.schema),
        lockMs,
      });
  }
}

function raise(error: unknown): never {
  throw error;
}

/** Waits until something is so; however long that takes, the test's own limit is the only one. */
export async function until(isSo: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await isSo())) await new Promise<void>((resolve) => setImmediate(resolve));
}
