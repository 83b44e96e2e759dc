/** What the load generator is told on standard input, and what it answers on standard output. */
export type LoadSpecification = {
  readonly host: string;
  readonly port: number;
  readonly method: 'GET' | 'POST';
  /** Requested in turn, over and over. */
  readonly paths: readonly string[];
  readonly headers: Readonly<Record<string, string>>;
  /** `{number}` becomes ten digits that differ in every request of the run. */
  readonly body?: string;
  readonly connections: number;
  readonly seconds: number;
  readonly expectStatus: number;
};

export type LoadResult = {
  readonly requests: number;
  readonly perSecond: number;
  readonly p50Ms?: number;
  readonly p99Ms?: number;
  readonly bytesPerBody?: number;
};

export function summarize(
  latenciesMs: readonly number[],
  seconds: number,
  bodyBytes: number,
): LoadResult {
  const sorted = Float64Array.from(latenciesMs).toSorted();
  const requests = sorted.length;
  return {
    requests,
    perSecond: requests / seconds,
    p50Ms: quantile(sorted, 0.5),
    p99Ms: quantile(sorted, 0.99),
    bytesPerBody: bodyBytes / requests,
  };
}

function quantile(sorted: Float64Array, share: number) {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** A replay has a speed, but no latencies and no bodies. */
export function replayResult(events: number, seconds: number): LoadResult {
  return { requests: events, perSecond: events / seconds };
}
