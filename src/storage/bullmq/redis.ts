import { Queue, Worker } from 'bullmq';
import type { BullBackend } from './jobs.ts';

const reconnectMsFirst = 50;
const reconnectMsMax = 1_000;

/**
 * @param url Of a server that keeps what it is given: it must persist, and evict nothing.
 * @param prefix Of every key of the queue.
 */
export function redisBackend(url: string, prefix: string): BullBackend {
  let isLeaving = false;
  const retryStrategy = (times: number) =>
    isLeaving ? undefined : Math.min(reconnectMsFirst * times, reconnectMsMax);
  return {
    // Refuses at once while the server is away, so that whoever enqueues tries again instead of piling up.
    openQueue: (name, options) =>
      new Queue(name, {
        ...options,
        prefix,
        connection: { url, retryStrategy, enableOfflineQueue: false },
      }),
    // A worker waits for the server for as long as it takes.
    openWorker: (name, process, options) =>
      new Worker(name, process, {
        ...options,
        prefix,
        connection: { url, retryStrategy, maxRetriesPerRequest: null },
      }),
    leave() {
      isLeaving = true;
    },
  };
}
