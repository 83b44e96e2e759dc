import {
  type BackendFactory,
  createPostgresBackend,
  type PostgresConnectionOptions,
  type PostgresQueueBackend,
  withBackend,
} from 'bullmq';
import type { JobData } from '../../kernel/jobs.ts';
import type { BullBackend } from './jobs.ts';

const schemaDefault = 'jobs';
const pauseMs = 250;

/** @param schema Holds the tables; it is made, and migrated, when the queue is opened. */
export function postgresBackend(
  connectionString: string,
  schema: string = schemaDefault,
): BullBackend {
  const { Queue, Worker } = withBackend(persistent);
  const connection = { connectionString, schema, migrate: true };
  return {
    openQueue: (name, options) => new Queue<JobData>(name, { ...options, connection }),
    openWorker: (name, process, options) =>
      new Worker<JobData, void>(name, process, { ...options, connection }),
    leave() {},
  };
}

/** What BullMQ keeps of how a connection was opened; private there. */
type Opening = { readyPromise?: Promise<void> | undefined; waitUntilReady(): Promise<void> };
type Inside = Opening & { readonly connection: Opening };

/**
 * BullMQ opens a connection once, and keeps the failure of it for good: every later call failed at once, and a
 * worker, which asks again without a pause, never let the event loop go on. Here a failure is forgotten after a
 * while.
 */
const persistent: BackendFactory<PostgresQueueBackend, PostgresConnectionOptions> = (
  name,
  options,
  more,
) => {
  const backend = createPostgresBackend(name, options, more);
  const inside = backend as unknown as Inside;
  const { connection } = inside;
  const open = connection.waitUntilReady.bind(connection);
  connection.waitUntilReady = async () => {
    try {
      await open();
    } catch (error) {
      await Bun.sleep(pauseMs);
      connection.readyPromise = undefined;
      inside.readyPromise = undefined;
      throw error;
    }
  };
  return backend;
};
