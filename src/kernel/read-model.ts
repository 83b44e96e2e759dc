// The port to the rows: an engine applies row changes and moves the checkpoint in one transaction.
import type { RowChange } from './projection.ts';
import type { Position, StreamName } from './stream.ts';
import type { Timestamp } from './time.ts';

export type Checkpoint = {
  readonly version: number;
  readonly position: Position;
  /** Names the making of these rows: another one after a rebuild, and after parked events were made good. */
  readonly build: string;
};

/** The changes that one event makes to one projection's rows. */
export type Step = {
  readonly position: Position;
  readonly stream: StreamName;
  readonly type: string;
  readonly time: Timestamp;
  readonly changes: readonly RowChange[];
};

/** An event that a projection could not apply, or a later one of the same stream. */
export type ParkedEvent = {
  readonly projection: string;
  readonly position: Position;
  readonly stream: StreamName;
  readonly type: string;
  readonly time: Timestamp;
  readonly reason: string;
};

export type ProjectionBatch = {
  readonly projection: string;
  readonly from: Position;
  readonly to: Position;
  /** Of the rows that the batch goes on with; undefined: whichever are there. */
  readonly build?: string;
  readonly steps: readonly Step[];
  readonly parked: readonly ParkedEvent[];
  /** Parked positions that the steps of this batch make good, or whose person is erased by one. */
  readonly unparked: readonly Position[];
};

export type ReadModel = {
  readonly checkpoints: () => Promise<ReadonlyMap<string, Checkpoint>>;
  readonly parked: () => Promise<readonly ParkedEvent[]>;
  /** Declares a projection at a version with nothing applied, unless it has a checkpoint. */
  readonly begin: (projection: string, version: number) => Promise<void>;
  /**
   * One transaction for all batches.
   * @throws CheckpointMoved when somebody else moved a checkpoint meanwhile, or replaced the rows.
   * @throws UnappliableStep when the rows refuse one step; nothing of the call is kept.
   */
  readonly apply: (batches: readonly ProjectionBatch[]) => Promise<void>;
  /** Called when there is nothing to apply: overwrites what erased rows may have left in the engine's files. */
  readonly tidy?: () => Promise<void>;
};

/** Whether somebody's data is erased by it. */
export function erases({ steps }: Pick<ProjectionBatch, 'steps'>): boolean {
  return steps.some(({ changes }) => changes.some(({ kind }) => kind === 'erase'));
}

/** Rows that are built beside the live ones and then take their place. */
export type BesideReadModel = ReadModel & {
  /**
   * Replaces the live rows and checkpoints of these projections in one transaction. While the live
   * checkpoints are held, `catchUp` brings the rows here to at least the newest of them.
   */
  readonly swap: (
    projections: readonly string[],
    catchUp: (to: Position) => Promise<void>,
  ) => Promise<void>;
};

/** What is kept of a text, and looked for, in every engine: PostgreSQL has no U+0000 in its texts. */
export function keptText(text: string): string {
  return text.includes('\0') ? text.replaceAll('\0', '\uFFFD') : text;
}

export class CheckpointMoved extends Error {
  override readonly name = 'CheckpointMoved';
  readonly projection: string;
  readonly expected: Position;
  constructor(projection: string, expected: Position) {
    super(`The checkpoint of ${projection} is no longer at ${expected}, or its rows are others.`);
    this.projection = projection;
    this.expected = expected;
  }
}

export class UnappliableStep extends Error {
  override readonly name = 'UnappliableStep';
  readonly projection: string;
  readonly position: Position;
  readonly reason: string;
  constructor(projection: string, position: Position, reason: string) {
    super(`${projection} cannot apply position ${position}: ${reason}`);
    this.projection = projection;
    this.position = position;
    this.reason = reason;
  }
}
