// Reads the text format of Prometheus, version 0.0.4, and refuses what is not quite it: a family without
// its two comments, a sample of no family, one given twice, buckets that do not add up.

export type MetricFamily = { readonly name: string; readonly type: string; readonly help: string };
export type MetricSample = {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
};

const helpLine = /^# HELP ([a-z_:][\w:]*) (\S.*)$/i;
const typeLine = /^# TYPE ([a-z_:][\w:]*) (counter|gauge|histogram)$/i;
const sampleLine = /^([a-z_:][\w:]*)(?:\{(.*)\})? (NaN|[+-]?Inf|[+-]?\d[\d.e+-]*)$/i;
const label = /([a-z_]\w*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)/giy;

/** The key of a sample: its name and its labels, sorted. */
function keyOf(name: string, labels: Readonly<Record<string, string>> = {}): string {
  const sorted = Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `${name}${JSON.stringify(sorted)}`;
}

/** @throws Error on the first line that is not as it must be. */
export function parseMetrics(text: string) {
  if (!text.endsWith('\n')) throw new Error('The last line does not end.');
  const families = new Map<string, MetricFamily>();
  const samples = new Map<string, MetricSample>();
  let help: RegExpExecArray | null = null;
  let family: MetricFamily | undefined;
  for (const line of text.split('\n').filter(Boolean)) {
    if (line.startsWith('# HELP')) {
      help = helpLine.exec(line);
      continue;
    }
    if (line.startsWith('#')) {
      const [, name, type] = typeLine.exec(line) ?? [];
      if (!name || help?.[1] !== name || families.has(name)) throw new Error(`Wrong: ${line}`);
      family = { name, type: type!, help: help[2]! };
      families.set(name, family);
      continue;
    }
    const sample = toSample(line);
    const key = keyOf(sample.name, sample.labels);
    if (!isOf(sample, family) || samples.has(key)) throw new Error(`Wrong: ${line}`);
    samples.set(key, sample);
  }
  for (const { name, type } of families.values()) {
    if (type === 'histogram') checkBuckets(name, [...samples.values()]);
  }
  return {
    families,
    samples: [...samples.values()],
    /** The value of a sample; 0 if there is none. */
    value: (name: string, labels?: Readonly<Record<string, string>>) =>
      samples.get(keyOf(name, labels))?.value ?? 0,
  };
}

export type Scrape = ReturnType<typeof parseMetrics>;

function toSample(line: string): MetricSample {
  const [, name, inBraces = '', value] = sampleLine.exec(line) ?? [];
  if (!name || !value) throw new Error(`Wrong: ${line}`);
  const found = [...inBraces.matchAll(label)];
  if (found.map(([whole]) => whole).join('') !== inBraces) throw new Error(`Wrong: ${line}`);
  const labels = Object.fromEntries(found.map(([, key, text]) => [key!, text!]));
  if (Object.keys(labels).length !== found.length) throw new Error(`Wrong: ${line}`);
  return { name, labels, value: Number(value.replace('Inf', 'Infinity')) };
}

function isOf({ name, labels, value }: MetricSample, family: MetricFamily | undefined): boolean {
  if (!family || Number.isNaN(value)) return false;
  if (family.type === 'counter') return name === family.name && value >= 0;
  if (family.type === 'gauge') return name === family.name;
  const part = name.startsWith(`${family.name}_`) ? name.slice(family.name.length + 1) : '';
  return part === 'bucket' ? 'le' in labels : part === 'sum' || part === 'count';
}

/** Buckets only grow, and the last of them holds all. */
function checkBuckets(name: string, samples: readonly MetricSample[]): void {
  for (const { labels, value } of samples.filter((one) => one.name === `${name}_count`)) {
    const buckets = samples
      .filter((one) => one.name === `${name}_bucket`)
      .map(({ labels: { le, ...rest }, value }) => ({ le: boundOf(le), rest, value }))
      .filter(({ rest }) => keyOf('', rest) === keyOf('', labels));
    const isAscending = buckets.every(
      ({ le, value }, index) =>
        index === 0 || (le > buckets[index - 1]!.le && value >= buckets[index - 1]!.value),
    );
    const last = buckets.at(-1);
    if (!isAscending || last?.le !== Number.POSITIVE_INFINITY || last.value !== value) {
      throw new Error(`The buckets of ${name} do not add up.`);
    }
  }
}

function boundOf(le: string | undefined): number {
  return Number(le?.replace('Inf', 'Infinity'));
}
