// While a server holds the data directory, operators' jobs run inside it: over a socket in that
// directory, which only the owner of the directory can reach.
import { chmodSync, existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { type Job, type JobName, jobs } from './cli/jobs.ts';
import type { Edge } from './http/edge.ts';
import { toPlain } from './storage/worker-client.ts';

/** Longer paths do not fit into a socket's address. */
const pathLengthMax = 100;

export type JobRequest = { readonly name: JobName; readonly args: unknown };
/** One JSON line each; `done` or `failed` is the last. */
export type JobLine =
  | { readonly progress: readonly [done: number, total: number] }
  | { readonly done: unknown }
  | { readonly failed: ReturnType<typeof toPlain> };

export const controlSocket = (directory: string) => join(directory, 'control.sock');

export function openControl(directory: string, edge: Edge, logger: Logger) {
  const unix = controlSocket(directory);
  if (unix.length > pathLengthMax) {
    logger.warn(
      { unix },
      'the path is too long for a control socket; jobs need the server stopped',
    );
    return { close: async () => {} };
  }
  if (existsSync(unix)) rmSync(unix); // left by a process that was killed: the lock is ours
  const server = Bun.serve({
    unix,
    async fetch(request, server) {
      server.timeout(request, 0);
      const { name, args } = (await request.json()) as JobRequest;
      logger.info({ job: name }, 'job');
      return new Response(runJob(edge, jobs[name] as Job, args));
    },
  });
  chmodSync(unix, 0o600);
  return {
    async close() {
      await server.stop();
      rmSync(unix, { force: true });
    },
  };
}

function runJob(edge: Edge, job: Job, args: unknown): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return new ReadableStream({
    async start(controller) {
      const send = (line: JobLine) =>
        controller.enqueue(encoder.encode(`${JSON.stringify(line)}\n`));
      try {
        const done = await job(edge, args as never, (...progress) => send({ progress }));
        send({ done });
      } catch (error) {
        send({ failed: toPlain(error) });
      }
      controller.close();
    },
  });
}
