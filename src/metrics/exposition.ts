// Hands families to prom-client, which writes the text. It is loaded when somebody first asks: a server
// that nobody watches starts without it.
import type { Metric } from 'prom-client';
import { createCounts } from './grid.ts';
import { byLabel, type Family, type Labels, type Spread } from './family.ts';
import { type Facts, gather, type OnFailure, type Sources } from './facts.ts';

type Value = { readonly value: number; readonly labels: Labels; readonly metricName?: string };

/** @param onFailure Called for each source that could not be read; its metrics are left out of that answer. */
export function createExposition(
  families: readonly Family[],
  sources: Sources,
  onFailure: OnFailure,
) {
  const failures = createCounts();
  const failed: OnFailure = (source, error) => {
    failures.add(source);
    onFailure(source, error);
  };
  const all = [...families, failuresFamily(failures.entries)];
  let facts: Facts;

  async function openRegistry() {
    const { Registry } = await import('prom-client');
    const registry = new Registry();
    // Read at once for all of them, so that one answer does not mix the facts of two.
    for (const family of all) registry.registerMetric(toMetric(family, () => facts));
    return registry;
  }

  let opening: ReturnType<typeof openRegistry> | undefined;
  return {
    /** Everything in the text format of Prometheus, with its content type. */
    async render(): Promise<{ readonly text: string; readonly contentType: string }> {
      const registry = await (opening ??= openRegistry());
      facts = await gather(sources, failed);
      return { text: await registry.metrics(), contentType: registry.contentType };
    },
  };
}

function failuresFamily(entries: () => Iterable<readonly [string, number]>): Family {
  const help = 'Times that a source of metrics could not be read.';
  return byLabel(
    'counter',
    { name: 'refold_metrics_failures_total', help, label: 'source' },
    entries,
  );
}

/** The one member that a registry calls. The library's own classes count where we have counted already. */
function toMetric(family: Family, facts: () => Facts): Metric {
  const { name, help, type } = family;
  const get = async () => ({
    name,
    help,
    type,
    aggregator: 'sum',
    values: valuesOf(family, facts()),
  });
  return { name, get } as unknown as Metric;
}

function valuesOf(family: Family, facts: Facts): Value[] {
  if (family.type === 'histogram') {
    return [...family.read()].flatMap((spread) => toHistogram(family.name, spread));
  }
  return [...family.read(facts)].map(({ value, labels = {} }) => ({ value, labels }));
}

function toHistogram(name: string, { tally, labels = {} }: Spread): Value[] {
  let count = 0;
  const buckets = [...tally.bounds, '+Inf'].map((bound, index) => {
    count += tally.counts[index]!;
    return { metricName: `${name}_bucket`, labels: { ...labels, le: String(bound) }, value: count };
  });
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels, value: tally.sum() },
    { metricName: `${name}_count`, labels, value: count },
  ];
}
