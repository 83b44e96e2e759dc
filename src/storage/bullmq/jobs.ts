// Jobs that several nodes share, kept by BullMQ. What a node has taken is locked for it; when it dies, the
// lock runs out and another node takes the job up again.
import {
  type Job as BullJob,
  type Queue,
  type QueueOptions,
  UnrecoverableError,
  type Worker,
  type WorkerOptions,
} from 'bullmq';
import {
  concurrency,
  type DeadJob,
  deadMax,
  doneKeptMs,
  doneMax,
  HopelessJob,
  type Job,
  type JobHandlers,
  type Jobs,
  pauseAfter,
  QueueUnreachable,
  type RetryPolicy,
  retryPolicy,
} from '../../kernel/jobs.ts';
import { type JobReports, reasonOf } from '../job-reports.ts';

const queueName = 'jobs';
/** Longer than an event loop is ever held up, since a job whose lock runs out is done twice. */
const lockMsDefault = 30_000;
const answerMsMax = 5_000;
const closeMsMax = 2_000;

type Data = Job['data'];

type Process = (job: Pick<BullJob<Data>, 'id' | 'name' | 'data'>) => Promise<void>;

type Reporting = { readonly on: (event: 'error', report: (error: Error) => void) => unknown };
type BullQueue = Reporting &
  Pick<Queue<Data>, 'add' | 'getJobCounts' | 'getFailed' | 'getJob' | 'close' | 'disconnect'>;
type BullWorker = Reporting &
  Pick<Worker<Data>, 'close' | 'disconnect'> & {
    readonly on: (
      event: 'failed',
      report: (job: BullJob<Data> | undefined, error: Error) => void,
    ) => unknown;
  };

/** BullMQ on one kind of server. */
export type BullBackend = {
  readonly openQueue: (name: string, options: Omit<QueueOptions, 'connection'>) => BullQueue;
  readonly openWorker: (
    name: string,
    process: Process,
    options: Omit<WorkerOptions, 'connection'>,
  ) => BullWorker;
  /** From now on a connection that is lost stays lost. */
  readonly leave: () => void;
};

export type BullJobsParts = JobReports & {
  readonly backend: BullBackend;
  readonly policy?: RetryPolicy;
  /** How long after the death of a node its jobs are taken up by others, at least. */
  readonly lockMs?: number;
};

export function openBullJobs(parts: BullJobsParts): Jobs {
  const { backend, policy = retryPolicy, onTrouble } = parts;
  const queue = backend.openQueue(queueName, {
    defaultJobOptions: {
      attempts: policy.attemptsMax,
      backoff: { type: 'custom' },
      removeOnComplete: { age: doneKeptMs / 1_000, count: doneMax },
      removeOnFail: { count: deadMax },
      stackTraceLimit: 0,
    },
  });
  queue.on('error', onTrouble);
  let crew: ReturnType<typeof startCrew> | undefined;

  return {
    async enqueue({ id, name, data }) {
      await answered(queue.add(name, data, { jobId: id }));
    },
    work(handlers) {
      crew = startCrew(parts, handlers);
    },
    failure: () => undefined,
    async counts() {
      const counts = await answered(queue.getJobCounts('waiting', 'delayed', 'active', 'failed'));
      const { waiting = 0, delayed = 0, active = 0, failed = 0 } = counts;
      return { waiting, delayed, active, dead: failed };
    },
    async dead({ offset, limit }) {
      const jobs = await answered(queue.getFailed(offset, offset + limit - 1));
      return jobs.map((job) => toDead(job as BullJob<Data>));
    },
    async retry(id) {
      const job = await answered(queue.getJob(id));
      if (!job) return 'unknown';
      if ((await answered(job.getState())) !== 'failed') return 'not-dead';
      const anew = { resetAttemptsMade: true, resetAttemptsStarted: true };
      await answered(job.retry('failed', anew));
      return 'retried';
    },
    async close() {
      await crew?.stop();
      backend.leave();
      await closed(queue, queue.close(), onTrouble);
    },
  };
}

function startCrew(parts: BullJobsParts, handlers: JobHandlers) {
  const { backend, policy = retryPolicy, lockMs = lockMsDefault, onFailed, onTrouble } = parts;
  const running = new Set<Promise<void>>();

  async function run({ id = '', name, data }: Parameters<Process>[0]): Promise<void> {
    const handle = handlers.get(name);
    if (!handle) throw new Error(`Nothing here does '${name}'.`);
    try {
      await handle({ id, name, data });
    } catch (error) {
      if (error instanceof HopelessJob) throw new UnrecoverableError(reasonOf(error));
      throw new Error(reasonOf(error), { cause: error });
    }
  }

  const worker = backend.openWorker(
    queueName,
    (job) => {
      const done = run(job).finally(() => running.delete(done));
      running.add(done);
      return done;
    },
    {
      concurrency,
      lockDuration: lockMs,
      stalledInterval: Math.ceil(lockMs / 6),
      maxStalledCount: policy.deathsMax - 1,
      settings: { backoffStrategy: (attempts) => pauseAfter(attempts, policy) },
    },
  );
  worker.on('error', onTrouble);
  worker.on('failed', (job, error) => {
    if (!job) return;
    const { id = '', name, attemptsMade: attempts, finishedOn } = job;
    onFailed({ id, name, attempts, isDead: finishedOn !== undefined }, error.cause ?? error);
  });
  return {
    async stop() {
      const closing = worker.close();
      await Promise.allSettled(running);
      backend.leave();
      await closed(worker, closing, onTrouble);
    },
  };
}

function toDead(job: BullJob<Data>): DeadJob {
  const { id = '', name, attemptsMade: attempts, timestamp, finishedOn, failedReason } = job;
  return {
    id,
    name,
    attempts,
    enqueuedAt: new Date(timestamp).toISOString(),
    diedAt: new Date(finishedOn ?? timestamp).toISOString(),
    reason: failedReason ?? '',
  };
}

/** A server that is away fails a request late or never. */
async function answered<Answer>(request: Promise<Answer>): Promise<Answer> {
  try {
    return await within(answerMsMax, request);
  } catch (error) {
    throw new QueueUnreachable(`The queue of jobs cannot be used: ${reasonOf(error)}`, {
      cause: error,
    });
  }
}

/** Without a server there is nobody to say goodbye to. */
async function closed(
  part: Pick<BullQueue, 'disconnect'>,
  closing: Promise<void>,
  onTrouble: JobReports['onTrouble'],
): Promise<void> {
  try {
    await within(closeMsMax, closing);
  } catch (error) {
    onTrouble(error);
    // It hangs up at once, but may wait for ever for a connection to say so that is just being made.
    await within(closeMsMax, part.disconnect()).catch(onTrouble);
  }
}

async function within<Result>(ms: number, work: Promise<Result>): Promise<Result> {
  let timer: Timer | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`No answer within ${ms} ms.`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
