// Follows a stream of server-sent events over fetch, which can carry the access token where EventSource
// cannot. It resumes behind the last position it has seen, and gives each event once and in order.
import type { Fetch } from './access.ts';
import { retryAfterMs } from './back-off.ts';
import {
  type ConnectionParts,
  type ConnectionState,
  type Ending,
  keepConnected,
  type StateListener,
} from './connection.ts';
import { createListeners, type On, type Typed } from './listeners.ts';
import { isFinal, refusalOf } from './problems.ts';
import { createWatch } from './silence.ts';
import { createSseParser, type Frame } from './sse.ts';

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
  /** Of the last event seen: where another follower would go on with `after`. */
  readonly position: number | undefined;
  readonly stop: () => void;
};

export type FollowParts = Pick<ConnectionParts, 'backOff' | 'open'> & {
  readonly fetch: Fetch;
  /** With its query, but for `after`. */
  readonly url: string;
  readonly silenceMs: number;
  /** Told what a listener has thrown. */
  readonly onError: (error: unknown) => void;
};

export function follow<Event extends Typed>(
  { fetch, url, silenceMs, onError, backOff, open }: FollowParts,
  { after, onState = () => {}, onReset = () => {} }: FollowOptions = {},
): Follower<Event> {
  const { on, tell } = createListeners<Event>(onError);
  let position = after;
  let retryMs = 0;
  const connection = keepConnected(attempt, { backOff, onState, open });

  async function attempt(stop: AbortSignal, isLive: () => void): Promise<Ending> {
    try {
      return await read(stop, isLive);
    } catch (error) {
      return { cause: error as Error, atLeastMs: retryMs };
    }
  }

  async function read(stop: AbortSignal, isLive: () => void): Promise<Ending> {
    const watch = createWatch(silenceMs, stop);
    const headers = new Headers({ accept: 'text/event-stream' });
    if (position !== undefined) headers.set('last-event-id', String(position));
    const response = await watch.wait(fetch(url, { headers, signal: watch.signal }));
    if (!response.ok || !response.body) return refused(response);
    isLive();
    const parse = createSseParser((ms) => (retryMs = ms));
    for await (const chunk of chunksOf(response.body, watch.wait)) {
      for (const frame of parse(chunk)) {
        if (stop.aborted) return {};
        await take(frame);
      }
    }
    return { atLeastMs: retryMs };
  }

  async function take({ id, event, data }: Frame): Promise<void> {
    const place = id === undefined || !/^\d+$/.test(id) ? undefined : Number(id);
    if (event === 'reset') {
      position = place;
      onReset();
    } else if (place !== undefined && (position === undefined || place > position)) {
      position = place;
      if (data !== undefined) await tell(JSON.parse(data) as Event);
    }
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
    [Symbol.asyncIterator]: () => iterate(on, connection),
  };
}

async function refused(response: Response): Promise<Ending> {
  const cause = await refusalOf(response);
  const atLeastMs = retryAfterMs(response.headers.get('retry-after'));
  return { cause, isFinal: isFinal(cause), atLeastMs };
}

type Wait = <Result>(work: Promise<Result>) => Promise<Result>;

async function* chunksOf(body: ReadableStream<Uint8Array>, wait: Wait): AsyncGenerator<string> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  try {
    for (;;) {
      const { done, value } = await wait(reader.read());
      if (done) return;
      yield decoder.decode(value, { stream: true });
    }
  } finally {
    void reader.cancel().catch(() => {});
  }
}

type Stoppable = { readonly stop: () => void; readonly stopped: Promise<Error | undefined> };

/** Leaving the loop stops the follower; a refusal is thrown into it. */
function iterate<Event extends Typed>(on: On<Event>, { stop, stopped }: Stoppable) {
  let offered = Promise.withResolvers<Event | undefined>();
  let taken: (() => void) | undefined;
  const off = on('*', (event) => {
    offered.resolve(event as Event);
    return new Promise<void>((resolve) => (taken = resolve));
  });
  const finish = () => {
    offered.resolve(undefined);
    taken?.();
  };
  void stopped.then(finish);

  async function* events(): AsyncGenerator<Event, void> {
    try {
      for (;;) {
        const event = await offered.promise;
        if (event === undefined) break;
        yield event;
        offered = Promise.withResolvers();
        taken?.();
      }
      const cause = await stopped;
      if (cause) throw cause;
    } finally {
      off();
      stop();
    }
  }

  return events();
}
