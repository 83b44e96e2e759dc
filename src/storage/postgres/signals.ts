// Hints between nodes that there is something new, by LISTEN and NOTIFY. A notification takes a lock of the whole
// database at its commit, so it is sent after the append, outside of its transaction, and many appends
// share one. Losing some, or all of them, changes latency only.
import type { Client } from './connection.ts';

/** What a hint can tell. */
export type Topic = 'log_has_grown' | 'rows_have_moved';
/** The least time from one notification to the next. */
const intervalMs = 5;

export type Signals = {
  /** Tells everybody else who has opened signals of this topic. */
  readonly broadcast: () => void;
  /** Calls back at each hint, until the function that it answers is called. */
  readonly subscribe: (waken: () => void) => () => void;
};

/** @param sql Listening takes a connection of its own, which is renewed when it is lost. */
export async function openSignals(
  sql: Client,
  channel: Topic,
): Promise<Signals & { close: () => Promise<void> }> {
  const subscribers = new Set<() => void>();
  const own = crypto.randomUUID();
  const wakenAll = () => {
    for (const waken of subscribers) waken();
  };
  const hear = (from: string) => {
    if (from !== own) wakenAll();
  };
  // Whoever listens again may have missed something.
  const { unlisten } = await sql.listen(channel, hear, wakenAll);
  const notifier = createNotifier(() => sql.notify(channel, own));
  return {
    broadcast: notifier.broadcast,
    subscribe(waken) {
      subscribers.add(waken);
      return () => void subscribers.delete(waken);
    },
    async close() {
      await notifier.close();
      await unlisten();
    },
  };
}

/** One notification at a time, and at most one each few milliseconds; the last call is never forgotten. */
function createNotifier(notify: () => Promise<unknown>) {
  let isOwed = false;
  let isClosed = false;
  let running: Promise<void> | undefined;

  async function run() {
    while (isOwed) {
      isOwed = false;
      await notify().catch(() => {}); // a hint: whoever misses it looks by itself soon
      if (!isClosed) await Bun.sleep(intervalMs);
    }
    running = undefined;
  }

  return {
    broadcast() {
      if (isClosed) return;
      isOwed = true;
      running ??= run();
    },
    async close() {
      isClosed = true;
      await running;
    },
  };
}
