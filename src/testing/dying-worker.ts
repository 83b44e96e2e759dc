// A process that works on jobs and is killed meanwhile. It tells on standard output how far it is, then
// waits for its end.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Job } from '../kernel/jobs.ts';
import { type JobPlace, openJobs } from './job-engines.ts';

export type Dying = {
  readonly place: JobPlace;
  /** Where an effect leaves a file of the job's name. */
  readonly effects: string;
  readonly at: 'enqueued' | 'before the effect' | 'after the effect';
};

/** One file a job, however often it is done. */
export function leaveEffect(directory: string, { id }: Job): void {
  writeFileSync(join(directory, id), '');
}

if (import.meta.main) await die(JSON.parse(process.argv[2]!) as Dying);

async function die({ place, effects, at }: Dying): Promise<void> {
  const jobs = await openJobs(place);
  const told = Promise.withResolvers<never>();
  const tell = () => {
    process.stdout.write('now\n');
    return told.promise;
  };
  if (at === 'enqueued') {
    await jobs.enqueue({ id: 'a', name: 'effect', data: {} });
    await tell();
  }
  const handle = async (job: Job) => {
    if (at === 'before the effect') await tell();
    leaveEffect(effects, job);
    await tell();
  };
  jobs.work(new Map([['effect', handle]]));
  await told.promise;
}
