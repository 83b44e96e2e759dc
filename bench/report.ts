import type { LoadResult } from './load-specification.ts';
import type { Measured } from './rounds.ts';

/** How fast one variant was, divided by how fast another was in the same round. */
export type Ratio = {
  readonly of: string;
  readonly to: string;
  readonly target?: number;
};

export type Report = {
  readonly title: string;
  readonly unit: string;
  readonly measured: readonly Measured[];
  readonly ratios: readonly Ratio[];
  readonly notes: readonly string[];
};

export function markdown({ title, unit, measured, ratios, notes }: Report) {
  const speeds = measured.map(({ name, rounds }) => [
    name,
    ...spread(rounds.map(({ perSecond }) => perSecond)),
    milliseconds(rounds, ({ p50Ms }) => p50Ms),
    milliseconds(rounds, ({ p99Ms }) => p99Ms),
  ]);
  const compared = ratios.map((ratio) => [
    `${ratio.of} ÷ ${ratio.to}`,
    ...verdict(ratiosByRound(ratio, measured), ratio.target),
  ]);
  return [
    `## ${title}`,
    table(['variant', `${unit}/s, median`, 'min–max', 'p50 ms', 'p99 ms'], speeds),
    ...(compared.length > 0
      ? [table(['ratio', 'median', 'min–max', 'target', 'result'], compared)]
      : []),
    notes.map((note) => `- ${note}`).join('\n'),
  ].join('\n\n');
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]) {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const rule = head.map((_, index) => (index === 0 ? '---' : '--:'));
  return [line(head), line(rule), ...rows.map(line)].join('\n');
}

export function median(values: readonly number[]) {
  const sorted = values.toSorted((left, right) => left - right);
  const middle = Math.floor(sorted.length / 2);
  if (sorted.length % 2 === 1) return sorted[middle]!;
  return (sorted[middle - 1]! + sorted[middle]!) / 2;
}

function ratiosByRound({ of, to }: Ratio, measured: readonly Measured[]) {
  const above = measured.find(({ name }) => name === of)?.rounds ?? [];
  const below = measured.find(({ name }) => name === to)?.rounds ?? [];
  if (above.length !== below.length) return [];
  return above.map(({ perSecond }, round) => perSecond / below[round]!.perSecond);
}

function verdict(ratios: readonly number[], target: number | undefined) {
  const wanted = target === undefined ? '' : `≥ ${target}`;
  if (ratios.length === 0) return ['not measured', '', wanted, ''];
  const isMet = target === undefined || median(ratios) >= target;
  return [...spread(ratios), wanted, target === undefined ? '' : isMet ? 'met' : 'missed'];
}

function spread(values: readonly number[]) {
  if (values.length === 0) return ['not measured', ''];
  return [
    readable(median(values)),
    `${readable(Math.min(...values))}–${readable(Math.max(...values))}`,
  ];
}

function milliseconds(
  rounds: readonly LoadResult[],
  pick: (result: LoadResult) => number | undefined,
) {
  const values = rounds.map(pick).filter((value) => value !== undefined);
  return values.length > 0 ? median(values).toFixed(2) : '';
}

function readable(value: number) {
  return value >= 100 ? Math.round(value).toLocaleString('en') : value.toPrecision(3);
}
