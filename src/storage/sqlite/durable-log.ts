// The log as the thread of the requests writes it. Inserting a batch here costs less than two messages
// to another thread; only the waiting for the disk is done elsewhere. A batch is committed to the WAL
// without waiting, then the WAL is synced off this thread, then it is acknowledged. Until it is durable
// nobody sees it: readers stop at the last position that was synced.
import type { Append, AppendOutcome } from '../../kernel/event-log.ts';
import type { Position } from '../../kernel/stream.ts';
import type { LogWriter } from './log-writer.ts';

/** A sync has failed: what was written since the last one may or may not be there after a restart. */
export class LogNotDurable extends Error {
  override readonly name = 'LogNotDurable';
}

export type DurableLogParts = {
  readonly writer: LogWriter;
  /** Resolves when everything committed so far would survive a power loss. */
  readonly sync: () => Promise<void>;
  /** Copies the WAL into the file, off this thread, and syncs that. */
  readonly checkpoint: () => Promise<void>;
  /** Called once; nothing is appended afterwards, because a failed sync cannot be repeated. */
  readonly onFailure: (error: Error) => void;
};

export function createDurableLog({ writer, sync, checkpoint, onFailure }: DurableLogParts) {
  let durable: Position = writer.head();
  let failure: Error | undefined;
  let isUpkeepOwed = false;

  function upkeep() {
    writer.maintain();
    isUpkeepOwed = false;
  }

  /** Nobody waits for it, so a failure has nobody to tell: it stays owed, and the next append meets it. */
  function upkeepAfterAnswer() {
    try {
      if (isUpkeepOwed) upkeep();
    } catch {
      isUpkeepOwed = true;
    }
  }

  async function synced() {
    try {
      await sync();
    } catch (error) {
      const isFirst = failure === undefined;
      failure ??= new LogNotDurable(`The log could not be synced: ${(error as Error).message}`);
      if (isFirst) onFailure(failure);
    }
    if (failure) throw failure;
  }

  return {
    /** The newest position that would survive a power loss. */
    durable: () => durable,

    /**
     * One transaction, durable before it is answered.
     * @throws LogNotDurable from the first failed sync on.
     */
    async append(appends: readonly Append[]): Promise<readonly AppendOutcome[]> {
      if (failure) throw failure;
      if (isUpkeepOwed) upkeep();
      if (writer.isCheckpointDue()) await checkpoint();
      const outcomes = writer.append(appends);
      const position = writer.head();
      await synced();
      if (position > durable) durable = position;
      isUpkeepOwed = true;
      setImmediate(upkeepAfterAnswer);
      return outcomes;
    },

    /** Refuses every append from now on. */
    fail(error: Error): void {
      failure ??= error;
    },
  };
}
