// Group commit: callers queue, one flusher writes whatever has gathered in one transaction and
// answers after the commit. It needs no timer: while one batch is being written the next gathers.

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
const waitingMax = 20_000;

/**
 * Turns a write of many into a write of one.
 * @param write One transaction; its results stand in the order of the items. When it throws, the
 *   whole batch has failed.
 */
export function groupCommit<Item, Result>(
  write: (batch: readonly Item[]) => Promise<readonly Result[]>,
) {
  const waiting: Waiting<Item, Result>[] = [];
  let isFlushing = false;
  const whenIdle: (() => void)[] = [];

  async function flush() {
    isFlushing = true;
    await Promise.resolve(); // let the callers of this very moment join the first batch
    while (waiting.length > 0) {
      const batch = waiting.splice(0, batchSizeMax);
      try {
        const results = await write(batch.map(({ item }) => item));
        batch.forEach(({ resolve }, index) => resolve(results[index] as Result));
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    isFlushing = false;
    for (const resolve of whenIdle.splice(0)) resolve();
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
