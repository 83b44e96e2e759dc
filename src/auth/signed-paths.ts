// Paths that admit whoever has them until a time, for what cannot send a header, such as the images of a page.
import { timingSafeEqual } from 'node:crypto';

/** Within a window a path stays the same, so that what was fetched by it is found in caches. */
const windowSeconds = 60 * 60;

export type SignedPaths = ReturnType<typeof createSignedPaths>;

/**
 * @param digest A keyed digest that all nodes share.
 * @param now Milliseconds since 1970.
 */
export function createSignedPaths(
  digest: (kind: string, value: string) => string,
  now: () => number,
) {
  const proofOf = (path: string, until: number) => digest('signed-path', `${until}\n${path}`);

  return {
    /** The path with what admits to it, for one to two hours. */
    sign(path: string): string {
      const until = (Math.floor(now() / 1_000 / windowSeconds) + 2) * windowSeconds;
      return `${path}?until=${until}&proof=${proofOf(path, until)}`;
    },

    admits(path: string, until: number, proof: string): boolean {
      const [given, wanted] = [Buffer.from(proof), Buffer.from(proofOf(path, until))];
      const isOurs = given.length === wanted.length && timingSafeEqual(given, wanted);
      return isOurs && now() < until * 1_000;
    },
  };
}
