// The port by which of all nodes one does a piece of work. Who holds a lease may fall asleep and wake when
// another holds it, so its time alone protects nothing: whatever the holder commits has to check the epoch.

/** Counts the holders of a lease: whoever has a smaller one than the newest has lost it. */
export type Epoch = number;

export type Leases = {
  /**
   * Undefined while another owner holds it. Acquiring it anew as the same owner raises the epoch.
   * @param owner Unlike that of any other process, or run of this one.
   */
  readonly acquire: (name: string, owner: string, ttlMs: number) => Promise<Epoch | undefined>;
  /** False if it is lost. One that has run out, but was acquired by nobody else, is not. */
  readonly renew: (name: string, epoch: Epoch, ttlMs: number) => Promise<boolean>;
  /** Others may acquire it at once, and nothing more is committed under this epoch. */
  readonly release: (name: string, epoch: Epoch) => Promise<void>;
  /** Whether the epoch is the newest. For a commit, ask in its transaction: see the engine. */
  readonly holds: (name: string, epoch: Epoch) => Promise<boolean>;
};

/** Somebody else does this now; what was begun under the lease must not be committed. */
export class LeaseLost extends Error {
  override readonly name = 'LeaseLost';
  constructor(name: string) {
    super(`The lease ${name} has been lost.`);
  }
}
