// Keeps a lease for as long as this process can: of all nodes, one has it and does the work. A node that is
// killed leaves its lease to run out; one that stops gives it back. `epoch` is this process's belief: whatever is
// committed under it has to be checked where it is committed (see `lease.ts`).
import type { Epoch, Leases } from './lease.ts';
import type { WakeUp } from './wake-up.ts';

/** A killed owner is followed by another within this and one look. */
const ttlMs = 2_000;
/** How often the owner renews, and the others look whether the lease is free. */
const lookMs = 300;

export type Tenure = {
  /** Undefined while another process has the lease, as far as is known here. */
  readonly epoch: () => Epoch | undefined;
  /** What was begun under this epoch was refused: somebody else has the lease. */
  readonly lost: (epoch: Epoch) => void;
  /** Why the leases cannot be reached; undefined while they can. */
  readonly failure: () => unknown;
  readonly start: () => void;
  /** Gives the lease back. */
  readonly stop: () => Promise<void>;
};

export type TenureParts = {
  readonly leases: Leases;
  readonly name: string;
  /** Unlike that of any other process, or run of this one. */
  readonly owner: string;
  /** Of this tenure alone. */
  readonly wakeUp: WakeUp;
  /** Milliseconds on a clock that never goes back. */
  readonly now: () => number;
  /** Called when the lease was got. */
  readonly onAcquired: () => void;
  /** The leases cannot be reached; called once until they can. */
  readonly onFailure: (error: unknown) => void;
};

export function createTenure(parts: TenureParts): Tenure {
  const { leases, name, owner, wakeUp, now, onAcquired, onFailure } = parts;
  let held: Epoch | undefined;
  /** From then on somebody else may have the lease. */
  let endsAt = 0;
  let isStopping = false;
  let failure: unknown;
  let running: Promise<void> = Promise.resolve();

  async function look(): Promise<void> {
    const from = now();
    if (held === undefined) {
      held = await leases.acquire(name, owner, ttlMs);
      if (held === undefined) return;
      endsAt = from + ttlMs;
      onAcquired();
    } else if (await leases.renew(name, held, ttlMs)) endsAt = from + ttlMs;
    else held = undefined;
  }

  /** Answers whether to go on. */
  async function turn(): Promise<boolean> {
    try {
      await look();
      failure = undefined;
    } catch (error) {
      if (failure === undefined) onFailure(error);
      failure = error;
    }
    if (!isStopping) await wakeUp.wait(lookMs);
    return !isStopping;
  }

  async function run(): Promise<void> {
    while (await turn());
  }

  return {
    epoch: () => (now() < endsAt ? held : undefined),
    lost(epoch) {
      if (held === epoch) held = undefined;
    },
    failure: () => failure,
    start() {
      running = run();
    },
    async stop() {
      isStopping = true;
      wakeUp.signal();
      await running;
      const epoch = held;
      held = undefined;
      if (epoch !== undefined) await leases.release(name, epoch).catch(onFailure); // it runs out by itself
    },
  };
}
