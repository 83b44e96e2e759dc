// Follows a stream of server-sent events over fetch, which can carry the access token where EventSource
// cannot. It resumes behind the last position it has seen, and gives each event once and in order.
import type { Fetch } from './access.ts';
import {
  type ConnectionParts,
  type ConnectionState,
  type Ending,
  keepConnected,
  type StateListener,
} from './connection.ts';
import { parseTyped } from './frames.ts';
import { guarded } from './guarded.ts';
import { createListeners, type On, type Typed } from './listeners.ts';
import { createWatch } from './silence.ts';
import type { Frame } from './sse.ts';
import { framesOf, openStream, placeOf, refused } from './stream.ts';

export type FollowOptions = {
  /** Begins behind this position, 0 for the whole log; without it, with what happens from now on. */
  readonly after?: number;
  readonly onState?: StateListener;
  /**
   * The position was none of this log, which may have been restored from a backup: forget what was built
   * from earlier events. The follower goes on with what happens from now on.
   */
  readonly onReset?: () => void;
};

export type Follower<Event extends Typed> = AsyncIterable<Event> & {
  readonly on: On<Event>;
  readonly state: ConnectionState;
  /**
   * Of the last event that everybody who listens is done with: where another follower would go on with
   * `after`. A loop is done with an event when it asks for the next, or is left.
   */
  readonly position: number | undefined;
  readonly stop: () => void;
};

export type FollowParts = Pick<ConnectionParts, 'backOff' | 'open' | 'onError'> & {
  readonly fetch: Fetch;
  /** With its query, but for `after`. */
  readonly url: string;
  readonly silenceMs: number;
};

export function follow<Event extends Typed>(
  { fetch, url, silenceMs, onError, backOff, open }: FollowParts,
  { after, onState = () => {}, onReset = () => {} }: FollowOptions = {},
): Follower<Event> {
  const { on, tell } = createListeners<Event>(onError);
  const tellReset = guarded(onReset, onError);
  let position = after;
  /** The position of the event that is being told. */
  let delivering: number | undefined;
  let retryMs = 0;
  const connection = keepConnected(attempt, { backOff, onState, onError, open });

  async function attempt(stop: AbortSignal, isLive: () => void): Promise<Ending> {
    try {
      return await read(stop, isLive);
    } catch (error) {
      return { cause: error as Error, atLeastMs: retryMs };
    }
  }

  async function read(stop: AbortSignal, isLive: () => void): Promise<Ending> {
    const watch = createWatch(silenceMs, stop);
    const response = await openStream(fetch, url, watch, position);
    if (!response.ok || !response.body) return refused(response);
    isLive();
    for await (const frame of framesOf(response.body, watch, (ms) => (retryMs = ms))) {
      if (stop.aborted) return {};
      await take(frame);
    }
    return { atLeastMs: retryMs };
  }

  async function take(frame: Frame): Promise<void> {
    const { event, data } = frame;
    const place = placeOf(frame);
    if (event === 'reset') {
      position = place;
      tellReset();
    } else if (position === undefined || place > position) {
      if (data !== undefined) await deliver(parseTyped(data) as unknown as Event, place);
      position = place;
    }
  }

  async function deliver(event: Event, place: number): Promise<void> {
    delivering = place;
    await tell(event);
    delivering = undefined;
  }

  return {
    on,
    get state() {
      return connection.state();
    },
    get position() {
      return position;
    },
    stop: connection.stop,
    [Symbol.asyncIterator]: () =>
      iterate(on, connection, () => {
        position = delivering ?? position;
      }),
  };
}

type Stoppable = { readonly stop: () => void; readonly stopped: Promise<Error | undefined> };

type Offer<Event> = { readonly event: Event; readonly taken: () => void };

/**
 * Leaving the loop stops the follower; a refusal is thrown into it.
 * @param onLeft Called when it is left at an event, which has been seen then.
 */
function iterate<Event extends Typed>(
  on: On<Event>,
  { stop, stopped }: Stoppable,
  onLeft: () => void,
) {
  let offered: Offer<Event> | undefined;
  let isOver = false;
  let wake = () => {};
  const off = on('*', (event) => {
    return new Promise<void>((taken) => {
      offered = { event: event as Event, taken };
      wake();
    });
  });
  const finish = () => {
    isOver = true;
    wake();
  };
  void stopped.then(finish);

  async function next(): Promise<Offer<Event> | undefined> {
    if (!offered && !isOver) await new Promise<void>((resolve) => (wake = resolve));
    const offer = isOver ? undefined : offered;
    offered = undefined;
    return offer;
  }

  async function* events(): AsyncGenerator<Event, void> {
    let held: Offer<Event> | undefined;
    try {
      while ((held = await next())) {
        yield held.event;
        held.taken();
      }
      const cause = await stopped;
      if (cause) throw cause;
    } finally {
      off();
      stop();
      if (held) onLeft();
      held?.taken();
    }
  }

  return events();
}
