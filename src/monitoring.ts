// Wires what operators see: projections, readiness and metrics; and the HTTP application that shows it.
import type { Logger } from 'pino';
import type { Config } from './config.ts';
import { createHttp, type HttpParts } from './http/index.ts';
import { createMetrics, type Meters, type MetricsParts } from './metrics/index.ts';
import type { SideEffects } from './side-effects.ts';
import { type Others, projectionControl, readinessChecks } from './operations.ts';
import type { ReadSide } from './read-side.ts';
import type { Tracing } from './tracing.ts';

export type MonitoredHttpParts = Others &
  Pick<MetricsParts, 'followers'> &
  Pick<HttpParts, 'edge' | 'logger' | 'version'> & {
    readonly meters: Meters;
    readonly tracing: Pick<Tracing, 'around' | 'countRequest'>;
    readonly readSide: ReadSide;
    readonly jobs: Pick<SideEffects, 'control' | 'counts'>;
    readonly config: Pick<Config, 'metricsToken' | 'corsOrigins'>;
  };

export type MonitoredHttp = ReturnType<typeof createMonitoredHttp>;

export function createMonitoredHttp(parts: MonitoredHttpParts) {
  const { edge, readSide, jobs, logger, meters, tracing, config } = parts;
  const { head, connections } = edge.live;
  const projections = projectionControl(readSide, head, logger);
  const checks = readinessChecks(readSide, head, parts);
  const metrics = createMetrics({
    ...parts,
    sources: { head, projections: projections.list, checks, jobs: jobs.counts },
    live: connections.counts,
    passwords: edge.passwords.load,
    pending: () => http.server?.pendingRequests ?? 0,
    onFailure: failureLogged(logger),
  });
  const http: ReturnType<typeof createHttp> = createHttp({
    ...parts,
    projections,
    jobs: jobs.control,
    checks,
    metrics: { ...metrics, token: config.metricsToken },
    corsOrigins: config.corsOrigins,
    countRequest: tracing.countRequest(meters.requests.count),
  });
  if (tracing.around) http.wrap(tracing.around as Parameters<typeof http.wrap>[0]);
  return http;
}

function failureLogged(logger: Logger): MetricsParts['onFailure'] {
  return (source, err) => logger.warn({ source, err }, 'a source of metrics cannot be read');
}
