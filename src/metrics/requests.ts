import { createCounts, createGrid } from './grid.ts';
import { byLabel, type Family } from './family.ts';
import { createTally } from './tally.ts';

/** Whatever else a client makes up is counted as one. */
const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);
const otherMethod = 'other';
/** Addresses that no route has, all together: each of them would be a label of its own. */
const noRoute = 'unmatched';
const limits = ['auth', 'passwords', 'commands', 'streams', 'messages'] as const;

/** HTTP requests that were answered, and what the limiter refused. */
export function createRequestMeter() {
  const requests = createGrid(() => ({
    statuses: new Map<number, number>(),
    durations: createTally(),
  }));
  const refusals = createCounts(limits);

  function count(
    method: string,
    route: string | undefined,
    { status, seconds }: { readonly status: number; readonly seconds: number },
  ): void {
    const known = methods.has(method) ? method : otherMethod;
    const { statuses, durations } = requests.at(route ?? noRoute, known);
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
    durations.observe(seconds);
  }

  const families: readonly Family[] = [
    {
      type: 'counter',
      name: 'refold_http_requests_total',
      help: 'Requests that were answered, by route pattern and status.',
      *read() {
        for (const [route, method, { statuses }] of requests.cells()) {
          for (const [status, value] of statuses) {
            yield { labels: { method, route, status: String(status) }, value };
          }
        }
      },
    },
    {
      type: 'histogram',
      name: 'refold_http_request_duration_seconds',
      help: 'From the head of a request to its answer, or to the head of a stream.',
      *read() {
        for (const [route, method, { durations: tally }] of requests.cells()) {
          yield { labels: { method, route }, tally };
        }
      },
    },
    byLabel(
      'counter',
      {
        name: 'refold_limiter_refusals_total',
        help: 'Requests and messages that a limit has refused.',
        label: 'limit',
      },
      refusals.entries,
    ),
  ];
  return { count, refused: (limit: (typeof limits)[number]) => refusals.add(limit), families };
}
