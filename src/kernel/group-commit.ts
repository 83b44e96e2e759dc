// Group commit: callers queue, one flusher writes whatever has gathered in one transaction and
// answers after the commit. While one batch is being written the next gathers. It is taken once a turn
// of the event loop has brought nobody new: a lone caller waits for one turn, and there is no timer.

/** The queue is full: the caller should try again later. */
export class Overloaded extends Error {
  override readonly name = 'Overloaded';
  readonly waiting: number;
  constructor(waiting: number) {
    super(`${waiting} are waiting already.`);
    this.waiting = waiting;
  }
}

type Waiting<Item, Result> = {
  readonly item: Item;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
};

const batchSizeMax = 1_000;
/** Whoever called first does not wait longer for the others. */
const turnsMax = 8;
const waitingMax = 20_000;

/**
 * Turns a write of many into a write of one.
 * @param write One transaction, its results in the order of the items; calls take effect in the
 *   order they are made. When it throws, the whole batch has failed.
 * @param endOfTurn Resolves when this turn of the event loop has brought all its callers.
 */
export function groupCommit<Item, Result>(
  write: (batch: readonly Item[]) => Promise<readonly Result[]>,
  endOfTurn: () => Promise<void> = () => Promise.resolve(),
) {
  const waiting: Waiting<Item, Result>[] = [];
  const whenIdle: (() => void)[] = [];
  let isFlushing = false;

  async function flush() {
    isFlushing = true;
    do {
      await gathered();
      await settle(waiting.splice(0, batchSizeMax));
    } while (waiting.length > 0);
    isFlushing = false;
    for (const resolve of whenIdle.splice(0)) resolve();
  }

  /** Waits for as long as every turn of the event loop brings more callers. */
  async function gathered() {
    let before: number;
    let turns = 0;
    do {
      before = waiting.length;
      await endOfTurn();
      turns += 1;
    } while (waiting.length > before && turns < turnsMax);
  }

  async function settle(batch: readonly Waiting<Item, Result>[]) {
    try {
      const results = await write(batch.map(({ item }) => item));
      batch.forEach(({ resolve }, index) => resolve(results[index] as Result));
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }

  return {
    /** @throws Overloaded when too many wait already. */
    submit(item: Item): Promise<Result> {
      if (waiting.length >= waitingMax) return Promise.reject(new Overloaded(waiting.length));
      return new Promise((resolve, reject) => {
        waiting.push({ item, resolve, reject });
        if (!isFlushing) void flush();
      });
    },
    /** Resolves when everything submitted so far has been answered. */
    idle: (): Promise<void> =>
      isFlushing ? new Promise((resolve) => whenIdle.push(resolve)) : Promise.resolve(),
  };
}
