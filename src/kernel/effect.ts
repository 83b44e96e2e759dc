// Effects: a fact here becomes something done outside the system. Each is a job whose id is made of the
// event's and the effect's, so meeting the event again adds nothing. A job carries where its event stands, and
// the event is read, and opened, when the job is done: whoever has been erased meanwhile is `Erased` in it.
import type { Recorded } from './event.ts';
import type { EventStore } from './event-store.ts';
import { HopelessJob, type Job, type JobHandlers, type Jobs } from './jobs.ts';
import type { StreamName, Version } from './stream.ts';

export type Effect = {
  /** Stands in the ids of jobs: once released it stays. */
  readonly name: string;
  /** The type of the events that have it. */
  readonly on: string;
  /**
   * Done again after a failure, and after the death of the process that did it; `id` is the same each time, for
   * a receiver to recognise. What it throws is shown to operators and kept: nothing personal in it.
   */
  readonly run: (event: Recorded, id: string) => Promise<void>;
};

/** Enqueues what an event has for effects. */
export function createEnqueuer(effects: readonly Effect[], { enqueue }: Pick<Jobs, 'enqueue'>) {
  return async (event: Recorded): Promise<void> => {
    const caused = effects.filter(({ on }) => on === event.type);
    await Promise.all(caused.map(({ name }) => enqueue(jobOf(event, name))));
  };
}

function jobOf({ id, stream, version }: Recorded, name: string): Job {
  return { id: `${id}.${name}`, name, data: { event: id, stream, version } };
}

/** What to do for each job. */
export function handlersOf(
  effects: readonly Effect[],
  store: Pick<EventStore, 'readStream'>,
): JobHandlers {
  return new Map(
    effects.map(({ name, run }) => [
      name,
      async (job: Job) => {
        await run(await eventOf(job, store), job.id);
      },
    ]),
  );
}

/** @throws HopelessJob where the log is not the one that the job was made from. */
async function eventOf({ data }: Job, { readStream }: Pick<EventStore, 'readStream'>) {
  const { event, stream, version } = data as {
    event: string;
    stream: StreamName;
    version: Version;
  };
  for await (const found of readStream(stream, (version - 1) as Version)) {
    if (found.id === event) return found;
    break;
  }
  throw new HopelessJob('The log does not hold the event that this was for.');
}
