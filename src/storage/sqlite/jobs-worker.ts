// The thread that waits for the disk on behalf of jobs.
import { serveRequests } from '../worker-client.ts';
import { type JobTable, type JobTableSettings, openJobTable } from './job-table.ts';

let table: JobTable | undefined;

type OpenRequest = JobTableSettings & { readonly file: string };

serveRequests({
  open({ file, ...settings }: OpenRequest) {
    table = openJobTable(file, settings);
  },
  enqueue: (jobs: Parameters<JobTable['enqueueAll']>[0]) => table!.enqueueAll(jobs),
  take: (request: Parameters<JobTable['take']>[0]) => table!.take(request),
  finish: (request: Parameters<JobTable['finish']>[0]) => table!.finish(request),
  fail: (request: Parameters<JobTable['fail']>[0]) => table!.fail(request),
  retry: (request: Parameters<JobTable['retry']>[0]) => table!.retry(request),
  prune: (now: string) => table!.prune(now),
  counts: (now: string) => table!.counts(now),
  dead: (page: Parameters<JobTable['dead']>[0]) => table!.dead(page),
  close: () => table?.close(),
});
