// What a metric is before anybody asks for it: a name, a meaning, and where to read it.
import type { Facts } from './facts.ts';
import type { Tally } from './tally.ts';

export type Labels = Readonly<Record<string, string>>;
export type Sample = { readonly value: number; readonly labels?: Labels };
/** Of a histogram. */
export type Spread = { readonly tally: Tally; readonly labels?: Labels };

/** All samples of one name. Units are in the name: seconds, bytes, and `total` for what only grows. */
export type Family = { readonly name: `refold_${string}`; readonly help: string } & (
  | { readonly type: 'counter' | 'gauge'; readonly read: (facts: Facts) => Iterable<Sample> }
  | { readonly type: 'histogram'; readonly read: () => Iterable<Spread> }
);

/** A counter or gauge without labels. */
export function single(
  type: 'counter' | 'gauge',
  name: Family['name'],
  help: string,
  read: (facts: Facts) => number | undefined,
): Family {
  return {
    type,
    name,
    help,
    read(facts) {
      const value = read(facts);
      return value === undefined ? [] : [{ value }];
    },
  };
}

/** A counter or gauge with one label; `read` gives its values with theirs. */
export function byLabel(
  type: 'counter' | 'gauge',
  { name, help, label }: { name: Family['name']; help: string; label: string },
  read: (facts: Facts) => Iterable<readonly [string, number]>,
): Family {
  return {
    type,
    name,
    help,
    *read(facts) {
      for (const [text, value] of read(facts)) yield { labels: { [label]: text }, value };
    },
  };
}
