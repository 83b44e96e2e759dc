// What has to be asked for when metrics are read. A part that fails or does not answer in time takes only
// its own metrics with it: the others are wanted most at such a time.
import type { Position } from '../kernel/stream.ts';

const waitMsMax = 2_000;

export type ProjectionFacts = {
  readonly name: string;
  readonly position: number;
  readonly lag: number;
  readonly status: string;
  readonly progress: number;
  readonly parked: readonly unknown[];
};

export type Sources = {
  readonly head: () => Promise<Position>;
  readonly projections: () => Promise<readonly ProjectionFacts[]>;
  /** What readiness looks at. */
  readonly checks: () => Promise<readonly { readonly name: string; readonly ok: boolean }[]>;
  /** Jobs by what has become of them. */
  readonly jobs: () => Promise<Readonly<Record<string, number>>>;
};
type Source = keyof Sources;

/** What could be learnt; a source that failed is undefined. */
export type Facts = {
  readonly [Name in Source]: Awaited<ReturnType<Sources[Name]>> | undefined;
};

export type OnFailure = (source: string, error: unknown) => void;

export async function gather(sources: Sources, onFailure: OnFailure): Promise<Facts> {
  const names = Object.keys(sources) as Source[];
  const answers = names.map(async (name) => {
    try {
      return [name, await inTime<unknown>(sources[name]())] as const;
    } catch (error) {
      onFailure(name, error);
      return [name, undefined] as const;
    }
  });
  return Object.fromEntries(await Promise.all(answers)) as Facts;
}

async function inTime<Answer>(asked: Promise<Answer>): Promise<Answer> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`No answer in ${waitMsMax} ms.`)), waitMsMax);
  try {
    return await Promise.race([asked, late]);
  } finally {
    clearTimeout(timer);
  }
}
