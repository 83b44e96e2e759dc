import type { LoadResult } from './load-specification.ts';
import type { BenchOptions } from './options.ts';

const warmUpSeconds = 2;

export type Variant = {
  readonly name: string;
  readonly measure: (seconds: number) => Promise<LoadResult>;
};

export type Measured = {
  readonly name: string;
  readonly rounds: readonly LoadResult[];
  /** Answers over all rounds and the warm-up. */
  readonly acknowledged: number;
};

/** A round goes through the variants forwards, the next one backwards, so that drift cancels. */
export async function measureInRounds(
  variants: readonly Variant[],
  { rounds, seconds }: BenchOptions,
): Promise<Measured[]> {
  const results = variants.map(({ name }) => ({
    name,
    rounds: [] as LoadResult[],
    acknowledged: 0,
  }));
  for (let round = 0; round <= rounds; round++) {
    for (const index of orderOf(round, variants.length)) {
      const isWarmUp = round === 0;
      const { name, measure } = variants[index]!;
      const result = await measure(isWarmUp ? Math.min(warmUpSeconds, seconds) : seconds).catch(
        (error: Error) => {
          throw new Error(`${name}: ${error.message}`, { cause: error });
        },
      );
      announce(isWarmUp ? 'warm-up' : `round ${round}/${rounds}`, name, result);
      results[index]!.acknowledged += result.requests;
      if (!isWarmUp) results[index]!.rounds.push(result);
    }
  }
  return results;
}

function orderOf(round: number, length: number) {
  const forwards = Array.from({ length }, (_, index) => index);
  return round % 2 === 0 ? forwards : forwards.toReversed();
}

function announce(round: string, name: string, { perSecond }: LoadResult) {
  console.error(`${round}: ${name}: ${Math.round(perSecond)}/s`);
}
