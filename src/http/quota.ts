import { LRUCache } from 'lru-cache';

const keysRemembered = 50_000;

/** So many in any stretch of `ms`, told exactly: the times of the last ones are kept. */
export function createQuota(max: number, ms: number) {
  const times = new LRUCache<string, number[]>({ max: keysRemembered });
  return {
    /** Whether one more is allowed now, which it then counts for. */
    take(key: string): boolean {
      const now = performance.now();
      const recent = (times.get(key) ?? []).filter((time) => time > now - ms);
      const isAllowed = recent.length < max;
      if (isAllowed) recent.push(now);
      times.set(key, recent);
      return isAllowed;
    },
  };
}
