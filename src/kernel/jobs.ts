// The port to effects outside the system, such as mail. An effect is a job: it is written down before it is
// tried, tried again with growing pauses when it fails, and taken up again when the process that worked on
// it dies. So each effect happens at least once, and once in the normal case: a job whose id is known is not
// taken in again. Only what a receiver can recognise by the job's id can be made exact.
import type { Timestamp } from './time.ts';

/** Ids only: a job outlives the person it is about, and nothing erases it. */
export type JobData = Readonly<Record<string, string | number>>;

export type Job = {
  /** Names the cause and the effect, so that it is the same whenever the cause is met again. */
  readonly id: string;
  /** Names the handler. */
  readonly name: string;
  readonly data: JobData;
};

export type JobHandler = (job: Job) => Promise<void>;
export type JobHandlers = ReadonlyMap<string, JobHandler>;

/** How many jobs there are of each kind; those that are done are not counted. */
export type JobCounts = {
  readonly waiting: number;
  /** Waiting out the pause after a failure. */
  readonly delayed: number;
  readonly active: number;
  /** Given up; they wait for somebody to look at them. */
  readonly dead: number;
};

export type DeadJob = {
  readonly id: string;
  readonly name: string;
  readonly attempts: number;
  readonly enqueuedAt: Timestamp;
  readonly diedAt: Timestamp;
  /** Why the last attempt failed. */
  readonly reason: string;
};

export type JobPage = { readonly offset: number; readonly limit: number };

export type JobFailure = Pick<DeadJob, 'id' | 'name' | 'attempts'> & { readonly isDead: boolean };

export type Jobs = {
  /**
   * Resolves once the job survives the end of the process; one whose id is known is left as it is.
   * @throws QueueUnreachable when nobody knows whether it was taken in. Asking again is harmless.
   */
  readonly enqueue: (job: Job) => Promise<void>;
  /** Begins to take up jobs. One that has no handler here fails, and is tried again. */
  readonly work: (handlers: JobHandlers) => void;
  /** Why no job can be taken up, where the store is this node's own; another service is no fault of it. */
  readonly failure: () => string | undefined;
  readonly counts: () => Promise<JobCounts>;
  /** The dead ones, newest first. */
  readonly dead: (page: JobPage) => Promise<readonly DeadJob[]>;
  /** Makes a dead job wait again, with all its attempts before it. */
  readonly retry: (id: string) => Promise<'retried' | 'not-dead' | 'unknown'>;
  /** Takes up nothing more and waits for the jobs at hand. */
  readonly close: () => Promise<void>;
};

export type RetryPolicy = {
  /** After so many failures a job is dead. */
  readonly attemptsMax: number;
  /** Before the second attempt; it doubles before each later one. */
  readonly pauseFirstMs: number;
  /** A job over which so many processes have died is dead: it may be what kills them. */
  readonly deathsMax: number;
};

/** Fifteen attempts in twenty-three hours. */
export const retryPolicy: RetryPolicy = { attemptsMax: 15, pauseFirstMs: 5_000, deathsMax: 3 };

/** How long a job rests after so many failures, in milliseconds. */
export function pauseAfter(attempts: number, { pauseFirstMs }: RetryPolicy): number {
  return pauseFirstMs * 2 ** (attempts - 1);
}

/** Jobs that are worked on at the same time, by each node. */
export const concurrency = 5;
/** How long the id of a job that is done is remembered: far longer than a follower can fall back. */
export const doneKeptMs = 24 * 60 * 60 * 1_000;
export const doneMax = 20_000;
/** The oldest are forgotten beyond that. */
export const deadMax = 10_000;

/** No further attempt could do better: the job is dead at once. Its message is kept and shown. */
export class HopelessJob extends Error {
  override readonly name = 'HopelessJob';
}

/** The service that holds the jobs does not answer; jobs it has are not lost. */
export class QueueUnreachable extends Error {
  override readonly name = 'QueueUnreachable';
}
