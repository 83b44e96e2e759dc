import type { StateCache } from '../kernel/handle-command.ts';
import type { Family } from './family.ts';

/** How often what was looked for was at hand. */
export function createCacheMeter() {
  const caches = new Map<string, { hit: number; miss: number }>();
  const families: readonly Family[] = [
    {
      type: 'counter',
      name: 'refold_cache_reads_total',
      help: 'What was looked for in a cache, by whether it was there.',
      *read() {
        for (const [cache, counts] of caches) {
          for (const [result, value] of Object.entries(counts)) {
            yield { labels: { cache, result }, value };
          }
        }
      },
    },
  ];

  /** A cache that counts for itself; the two numbers only grow. */
  function add(cache: string): { hit: number; miss: number } {
    const counts = { hit: 0, miss: 0 };
    caches.set(cache, counts);
    return counts;
  }

  return {
    add,
    watch(name: string, cache: StateCache): StateCache {
      const counts = add(name);
      return {
        get(stream) {
          const found = cache.get(stream);
          counts[found ? 'hit' : 'miss'] += 1;
          return found;
        },
        peek: (stream) => cache.peek(stream),
        set: (stream, folded) => cache.set(stream, folded),
        delete: (stream) => cache.delete(stream),
      };
    },
    families,
  };
}
