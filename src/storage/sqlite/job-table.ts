// Jobs in a file of their own. It has one writer, the process that holds the data directory; a job that is
// active when the file is opened was left by a process that died.
import {
  type DeadJob,
  deadMax,
  doneKeptMs,
  doneMax,
  type Job,
  type JobCounts,
  type JobPage,
  pauseAfter,
  type RetryPolicy,
} from '../../kernel/jobs.ts';
import type { Timestamp } from '../../kernel/time.ts';
import { migrationsFolder } from '../migrate.ts';
import { closeWriter, migrateFile, openForWriting } from './connection.ts';

export type Failed = {
  readonly id: string;
  readonly reason: string;
  readonly isHopeless: boolean;
  readonly at: Timestamp;
};

type Enqueued = Job & { readonly at: Timestamp };
type Row = { readonly id: string; readonly name: string; readonly data: string };

export type JobTable = ReturnType<typeof openJobTable>;

export type JobTableSettings = {
  readonly policy: RetryPolicy;
  /** When the processes that left their jobs are known to be dead. */
  readonly now: Timestamp;
};

export function migrateFileOfJobs(file: string): void {
  closeWriter(openMigrated(file));
}

function openMigrated(file: string) {
  const database = openForWriting(file, 'full');
  migrateFile(database, migrationsFolder('jobs', 'sqlite'));
  return database;
}

export function openJobTable(file: string, { policy, now }: JobTableSettings) {
  const database = openMigrated(file);
  database
    .query(
      `UPDATE jobs SET deaths = deaths + 1,
         state = iif(deaths + 1 < $deathsMax, 'waiting', 'dead'),
         finished_at = iif(deaths + 1 < $deathsMax, NULL, $now),
         reason = iif(deaths + 1 < $deathsMax, reason, 'The process died over it ' || (deaths + 1) || ' times.')
       WHERE state = 'active'`,
    )
    .run({ deathsMax: policy.deathsMax, now });
  return {
    ...writes(database, policy),
    ...reads(database),
    close: () => closeWriter(database),
  };
}

function writes(database: ReturnType<typeof openForWriting>, policy: RetryPolicy) {
  const insert = database.query(
    'INSERT OR IGNORE INTO jobs (id, name, data, enqueued_at, due_at) VALUES (?, ?, ?, ?, ?)',
  );
  const take = database.query<Row, [string, number]>(
    `UPDATE jobs SET state = 'active' WHERE id IN (
       SELECT id FROM jobs WHERE state = 'waiting' AND due_at <= ? ORDER BY due_at LIMIT ?
     ) RETURNING id, name, data`,
  );
  const finish = database.query(
    "UPDATE jobs SET state = 'done', finished_at = ?, reason = NULL WHERE id = ?",
  );
  const attempted = database.query<{ attempts: number }, [string, string]>(
    'UPDATE jobs SET attempts = attempts + 1, reason = ? WHERE id = ? RETURNING attempts',
  );
  const postpone = database.query("UPDATE jobs SET state = 'waiting', due_at = ? WHERE id = ?");
  const bury = database.query("UPDATE jobs SET state = 'dead', finished_at = ? WHERE id = ?");
  const stateOf = database.query<{ state: string }, [string]>(
    'SELECT state FROM jobs WHERE id = ?',
  );
  const revive = database.query(
    `UPDATE jobs SET state = 'waiting', attempts = 0, deaths = 0, due_at = ?, finished_at = NULL,
       reason = NULL WHERE id = ?`,
  );
  const pruneOld = database.query("DELETE FROM jobs WHERE state = 'done' AND finished_at < ?");
  const pruneMany = database.query<unknown, [string, string, number]>(
    `DELETE FROM jobs WHERE state = ? AND finished_at < (
       SELECT finished_at FROM jobs WHERE state = ? AND finished_at IS NOT NULL
       ORDER BY finished_at DESC LIMIT 1 OFFSET ?)`,
  );

  const enqueueAll = database.transaction((jobs: readonly Enqueued[]) => {
    for (const { id, name, data, at } of jobs) insert.run(id, name, JSON.stringify(data), at, at);
  });

  return {
    enqueueAll: (jobs: readonly Enqueued[]): void => enqueueAll.immediate(jobs),

    take: ({ now, limit }: { readonly now: Timestamp; readonly limit: number }): readonly Job[] =>
      take.all(now, limit).map(toJob),

    finish: ({ id, at }: { readonly id: string; readonly at: Timestamp }): void =>
      void finish.run(at, id),

    /** Answers how often it has been attempted, and whether it is dead now. */
    fail: database.transaction(({ id, reason, isHopeless, at }: Failed) => {
      const { attempts } = attempted.get(reason, id)!;
      const isDead = isHopeless || attempts >= policy.attemptsMax;
      if (isDead) bury.run(at, id);
      else postpone.run(later(at, pauseAfter(attempts, policy)), id);
      return { attempts, isDead };
    }),

    retry: database.transaction(({ id, at }: { readonly id: string; readonly at: Timestamp }) => {
      const state = stateOf.get(id)?.state;
      if (state === undefined) return 'unknown';
      if (state !== 'dead') return 'not-dead';
      revive.run(at, id);
      return 'retried';
    }),

    prune(now: Timestamp): void {
      pruneOld.run(later(now, -doneKeptMs));
      pruneMany.run('done', 'done', doneMax - 1);
      pruneMany.run('dead', 'dead', deadMax - 1);
    },
  };
}

function reads(database: ReturnType<typeof openForWriting>) {
  const counts = database.query<JobCounts, [string]>(
    `SELECT count(*) FILTER (WHERE state = 'waiting' AND due_at <= ?1) AS waiting,
       count(*) FILTER (WHERE state = 'waiting' AND due_at > ?1) AS delayed,
       count(*) FILTER (WHERE state = 'active') AS active,
       count(*) FILTER (WHERE state = 'dead') AS dead
     FROM jobs WHERE state <> 'done'`,
  );
  const dead = database.query<DeadJob, [number, number]>(
    `SELECT id, name, attempts, enqueued_at AS enqueuedAt, finished_at AS diedAt, reason
     FROM jobs WHERE state = 'dead' AND finished_at IS NOT NULL
     ORDER BY finished_at DESC, id DESC LIMIT ? OFFSET ?`,
  );
  return {
    counts: (now: Timestamp): JobCounts => counts.get(now)!,
    dead: ({ offset, limit }: JobPage): readonly DeadJob[] => dead.all(limit, offset),
  };
}

function toJob({ id, name, data }: Row): Job {
  return { id, name, data: JSON.parse(data) as Job['data'] };
}

const later = (time: Timestamp, ms: number): Timestamp =>
  new Date(Date.parse(time) + ms).toISOString();
