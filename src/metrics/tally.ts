// Values counted by size, in plain numbers: an observation costs some ten nanoseconds, and what
// Prometheus wants of it is made when it asks.

/** In seconds: from half a millisecond to ten seconds. */
const durationBounds = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
] as const;

export type Tally = ReturnType<typeof createTally>;

/** @param bounds The greatest value of each bucket, ascending; larger ones are counted in a last one. */
export function createTally(bounds: readonly number[] = durationBounds) {
  const counts = new Float64Array(bounds.length + 1);
  let sum = 0;
  return {
    bounds,
    /** How many values each bucket has by itself, the one without a bound last. */
    counts: counts as Readonly<ArrayLike<number>>,
    sum: () => sum,
    observe(value: number): void {
      let index = 0;
      while (index < bounds.length && value > bounds[index]!) index += 1;
      counts[index]! += 1;
      sum += value;
    },
  };
}

/** The seconds since a `performance.now()`. */
export const secondsSince = (startedAt: number) => (performance.now() - startedAt) / 1_000;
