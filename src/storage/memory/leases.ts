import type { Epoch, Leases } from '../../kernel/lease.ts';

type Lease = { readonly owner: string; readonly epoch: Epoch; readonly until: number };

/** Among the parts of one process. @param now Milliseconds of a clock that never runs backwards. */
export function createMemoryLeases(now: () => number): Leases {
  const leases = new Map<string, Lease>();
  const isNewest = (name: string, epoch: Epoch) => leases.get(name)?.epoch === epoch;
  return {
    async acquire(name, owner, ttlMs) {
      const held = leases.get(name);
      if (held && held.owner !== owner && held.until > now()) return undefined;
      const epoch = (held?.epoch ?? 0) + 1;
      leases.set(name, { owner, epoch, until: now() + ttlMs });
      return epoch;
    },
    async renew(name, epoch, ttlMs) {
      if (!isNewest(name, epoch)) return false;
      leases.set(name, { ...leases.get(name)!, until: now() + ttlMs });
      return true;
    },
    async release(name, epoch) {
      if (!isNewest(name, epoch)) return;
      leases.set(name, { owner: '', epoch: epoch + 1, until: Number.NEGATIVE_INFINITY });
    },
    holds: async (name, epoch) => isNewest(name, epoch),
  };
}
