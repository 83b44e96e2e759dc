// Jobs of a single node, in `jobs.db` of the data directory. Everything that touches the file happens in a
// thread of its own, so that a slow disk holds up nobody else.
import { groupCommit } from '../../kernel/group-commit.ts';
import {
  concurrency,
  HopelessJob,
  type Job,
  type JobHandlers,
  type Jobs,
  type RetryPolicy,
  retryPolicy,
} from '../../kernel/jobs.ts';
import { createSubscription } from '../../kernel/subscription.ts';
import type { Clock } from '../../kernel/time.ts';
import { type JobReports, reasonOf } from '../job-reports.ts';
import { createWakeUp } from '../wake-up.ts';
import { createWorkerClient } from '../worker-client.ts';

const pruneMs = 60 * 60 * 1_000;
const recordPauseMs = 1_000;

export type SqliteJobsParts = JobReports & {
  readonly file: string;
  readonly clock: Clock;
  readonly policy?: RetryPolicy;
};

/** The caller must be the only process that has the file open. */
export async function openSqliteJobs(parts: SqliteJobsParts): Promise<Jobs> {
  const { file, clock, policy = retryPolicy, onTrouble } = parts;
  const worker = new Worker(new URL('jobs-worker.ts', import.meta.url).href);
  const client = createWorkerClient(worker, onTrouble);
  try {
    await client.ask('open', { file, policy, now: clock.now() });
    await client.ask('prune', clock.now());
  } catch (error) {
    await client.close();
    throw error;
  }
  const enqueued = groupCommit<Job, void>(async (batch) => {
    await client.ask(
      'enqueue',
      batch.map((job) => ({ ...job, at: clock.now() })),
    );
    return [];
  });
  const wakeUp = createWakeUp();
  const crew = createCrew({ ...parts, client, wakeUp, clock });
  const pruning = setInterval(() => {
    client.ask('prune', clock.now()).catch(onTrouble);
  }, pruneMs).unref();

  return {
    async enqueue(job) {
      await enqueued.submit(job);
      wakeUp.signal();
    },
    work: crew.start,
    failure: crew.failure,
    counts: () => client.ask('counts', clock.now()),
    dead: (page) => client.ask('dead', page),
    async retry(id) {
      const outcome = await client.ask<'retried' | 'not-dead' | 'unknown'>('retry', {
        id,
        at: clock.now(),
      });
      wakeUp.signal();
      return outcome;
    },
    async close() {
      clearInterval(pruning);
      await crew.stop();
      await enqueued.idle();
      await client.close();
    },
  };
}

type CrewParts = JobReports & {
  readonly client: ReturnType<typeof createWorkerClient>;
  readonly wakeUp: ReturnType<typeof createWakeUp>;
  readonly clock: Clock;
};

/** Takes up what is due and runs it, so many at a time. */
function createCrew({ client, wakeUp, clock, onFailed, onTrouble }: CrewParts) {
  const running = new Set<Promise<void>>();
  let handlers: JobHandlers = new Map();
  let isStopping = false;

  /** The outcome of what has happened must be written down: otherwise it would happen again. */
  async function record<Answer>(name: string, payload: object): Promise<Answer | undefined> {
    for (;;) {
      try {
        return await client.ask<Answer>(name, payload);
      } catch (error) {
        onTrouble(error);
        if (isStopping || (error as Error).name === 'WorkerGone') return undefined;
        await clock.sleep(recordPauseMs);
      }
    }
  }

  async function run(job: Job): Promise<void> {
    const { id, name } = job;
    try {
      const handle = handlers.get(name);
      if (!handle) throw new Error(`Nothing here does '${name}'.`);
      await handle(job);
    } catch (error) {
      const isHopeless = error instanceof HopelessJob;
      const failed = { id, reason: reasonOf(error), isHopeless, at: clock.now() };
      const outcome = await record<{ attempts: number; isDead: boolean }>('fail', failed);
      if (outcome) onFailed({ id, name, ...outcome }, error);
      return;
    }
    await record('finish', { id, at: clock.now() });
  }

  async function take(): Promise<boolean> {
    const limit = concurrency - running.size;
    if (limit === 0 || isStopping) return false;
    const jobs = await client.ask<readonly Job[]>('take', { now: clock.now(), limit });
    for (const job of jobs) {
      const done = run(job).finally(() => {
        running.delete(done);
        wakeUp.signal();
      });
      running.add(done);
    }
    return jobs.length === limit;
  }

  const subscription = createSubscription({
    advance: take,
    wakeUp,
    clock,
    onStatus: (_, error) => error !== undefined && onTrouble(error),
  });
  return {
    start(given: JobHandlers) {
      handlers = given;
      subscription.start();
    },
    failure: () => subscription.status().error,
    async stop() {
      isStopping = true;
      await subscription.stop();
      await Promise.all(running);
    },
  };
}
