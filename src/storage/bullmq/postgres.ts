import { createPostgresBackend, withBackend } from 'bullmq';
import type { JobData } from '../../kernel/jobs.ts';
import type { BullBackend } from './jobs.ts';

const schemaDefault = 'jobs';

/** @param schema Holds the tables; it is made, and migrated, when the queue is opened. */
export function postgresBackend(
  connectionString: string,
  schema: string = schemaDefault,
): BullBackend {
  const { Queue, Worker } = withBackend(createPostgresBackend);
  const connection = { connectionString, schema, migrate: true };
  return {
    openQueue: (name, options) => new Queue<JobData>(name, { ...options, connection }),
    openWorker: (name, process, options) =>
      new Worker<JobData, void>(name, process, { ...options, connection }),
    leave() {},
  };
}
