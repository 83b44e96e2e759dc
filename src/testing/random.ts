export type Random = ReturnType<typeof seededRandom>;

/** Chance that can be had again: it prints its seed, and SEED in the environment sets it. */
export function seededRandom(purpose: string) {
  const seed = Number(process.env['SEED'] ?? crypto.getRandomValues(new Uint32Array(1))[0]);
  process.stderr.write(`${purpose}: SEED=${seed}\n`);
  let state = seed >>> 0;

  /** Mulberry32: 32 bits of state are enough to choose what a test does next. */
  function fraction(): number {
    state = (state + 0x6d2b79f5) >>> 0;
    let bits = Math.imul(state ^ (state >>> 15), state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  }

  const below = (end: number) => Math.floor(fraction() * end);
  return {
    seed,
    below,
    between: (first: number, last: number) => first + below(last - first + 1),
    isTrue: (probability: number) => fraction() < probability,
    pick: <Item>(items: readonly Item[]): Item => items[below(items.length)]!,
    /** Takes one out of the list; undefined if it is empty. */
    take: <Item>(items: Item[]): Item | undefined => items.splice(below(items.length), 1)[0],
  };
}
