// The loop around everything that stays open: connecting, live, waiting for the next attempt, stopped.
import { type BackOff, delayMs, pause } from './back-off.ts';
import { guarded, type OnError } from './guarded.ts';
import { Garbled } from './problems.ts';

export type ConnectionState = 'connecting' | 'live' | 'waiting' | 'stopped';

/** Told each change; `cause` is why it is waiting or has stopped, if not because it was asked to. */
export type StateListener = (state: ConnectionState, cause?: Error) => void;

/** How an attempt ended. One that throws ended in a way that may not come again. */
export type Ending = {
  readonly cause?: Error;
  /** No further attempt would end otherwise. */
  readonly isFinal?: boolean;
  /** How long the server wants to be left alone. */
  readonly atLeastMs?: number | undefined;
};

type Attempt = (signal: AbortSignal, isLive: () => void) => Promise<Ending>;

export type ConnectionParts = {
  readonly backOff: BackOff;
  readonly onState: StateListener;
  /** Told what `onState` has thrown, and what the server said that cannot be understood. Throws nothing. */
  readonly onError: OnError;
  /** All that are open; it is among them until it stops. */
  readonly open: Set<Connection>;
  readonly random?: () => number;
};

export type Connection = {
  readonly state: () => ConnectionState;
  readonly stop: () => void;
  /** Settles when it has stopped: with the cause, if there was one. */
  readonly stopped: Promise<Error | undefined>;
};

/** The first attempt begins after the caller's own code has run, so that nothing is missed. */
export function keepConnected(
  attempt: Attempt,
  { backOff, onState, onError, open, random = Math.random }: ConnectionParts,
): Connection {
  const controller = new AbortController();
  const { signal } = controller;
  const { promise: stopped, resolve } = Promise.withResolvers<Error | undefined>();
  const tellState = guarded(onState, onError);
  let state: ConnectionState = 'connecting';

  function report(next: ConnectionState, cause?: Error) {
    if (state === 'stopped') return;
    state = next;
    tellState(next, cause);
  }

  function stop(cause?: Error) {
    if (state === 'stopped') return;
    report('stopped', cause);
    open.delete(connection);
    controller.abort();
    resolve(cause);
  }

  async function run() {
    await Promise.resolve();
    let failures = 0;
    while (!signal.aborted) {
      report('connecting');
      let liveSince = Infinity;
      const ending = await attempt(signal, () => {
        liveSince = performance.now();
        report('live');
      }).catch((cause: Error): Ending => ({ cause }));
      if (ending.isFinal) return stop(ending.cause);
      if (signal.aborted) return;
      const isGarbled = ending.cause instanceof Garbled;
      if (isGarbled) onError(ending.cause);
      // One that is accepted and cut at once is a failure too; one that is garbled may be so each time.
      if (!isGarbled && performance.now() - liveSince >= backOff.firstMs) failures = 0;
      report('waiting', ending.cause);
      await pause(delayMs(failures, backOff, ending.atLeastMs ?? 0, random), signal);
      failures += 1;
    }
  }

  const connection = { state: () => state, stop: () => stop(), stopped };
  open.add(connection);
  void run();
  return connection;
}
