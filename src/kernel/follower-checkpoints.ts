import type { Position } from './stream.ts';

/**
 * Port to how far followers of the log have come that are no read models: what they have done cannot be
 * thrown away and done anew, so this lies beside the log and survives every rebuild.
 */
export type FollowerCheckpoints = {
  /** Undefined for a follower that has never begun. */
  readonly positionOf: (follower: string) => Promise<Position | undefined>;
  /**
   * Survives the end of the process. A power loss may take the newest positions, but none that is older
   * than an event which is still there: a follower that began before an event is known to have begun.
   */
  readonly moveTo: (follower: string, position: Position) => Promise<void>;
};
