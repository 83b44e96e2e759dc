/** Told of what cannot be finished now; it is tried again the next time. */
export type OnUnsettled = (error: unknown) => void;

/** Finishes what a crash has left half done, one after the other; one that fails does not hold up the others. */
export async function settleEach<One>(
  all: readonly One[],
  finish: (one: One) => Promise<unknown>,
  onUnsettled: OnUnsettled,
): Promise<void> {
  for (const one of all) {
    try {
      await finish(one);
    } catch (error) {
      onUnsettled(error);
    }
  }
}
