// The typed client: every route, body and status of the API, every event and the chat, inferred from the
// server's own types. It brings no server code along, so a front end can import it.
import { treaty } from '@elysiajs/eden';
import type { App } from '../http/index.ts';
import { accessBy, fetchWith } from './access.ts';
import type { BackOff } from './back-off.ts';
import { type ChatRoom, joinRoom, type JoinOptions } from './chat.ts';
import type { Connection } from './connection.ts';
import type { EventOfType, EventType, LiveEvent, NotificationEvent } from './event-types.ts';
import { extend } from './extend.ts';
import { follow, type Follower, type FollowOptions } from './follower.ts';
import { guarded, type OnError } from './guarded.ts';
import { createSession } from './session.ts';
import { sharedOn } from './shared-follower.ts';

export type { ChatRoom, JoinOptions } from './chat.ts';
export type { ConnectionState } from './connection.ts';
export type { EventOfType, EventType, LiveEvent, NotificationEvent } from './event-types.ts';
export type { Follower, FollowOptions } from './follower.ts';
export type { ChatMessage, Member } from './frames.ts';
export { PostFailed, type Posted } from './posts.ts';
export { Garbled, Refused } from './problems.ts';

export type ClientOptions = {
  /**
   * For callers who look after the token themselves: read before each request. `signIn` and the renewal of
   * tokens then play no part.
   */
  readonly accessToken?: () => string | undefined;
  /** Sent with each request. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Called when the session has ended without `signOut`. */
  readonly onSignedOut?: () => void;
  /**
   * Told what a listener has thrown, and what the server said that cannot be understood (`Garbled`). Without
   * it, and if it throws itself, that is reported as uncaught.
   */
  readonly onError?: OnError;
  readonly backOff?: BackOff;
  /**
   * How long a stream or a room may say nothing before it counts as dead. A stream is never silent for 8 s;
   * a room is asked when it has been for half of this time.
   */
  readonly silenceMs?: number;
  /** How long a chat message waits to be sent and acknowledged. */
  readonly answerMs?: number;
};

type EventFilter<Type extends EventType> = {
  /** Only these types. */
  readonly types?: readonly Type[];
  /** Only this stream, such as `product-…`. */
  readonly stream?: string;
};

const defaults = {
  backOff: { firstMs: 1_000, maxMs: 30_000 },
  silenceMs: 20_000,
  answerMs: 10_000,
  onError: (error: unknown) => reportError(error),
  onSignedOut: () => {},
};

/** @param url Where the server is, such as `http://localhost:3000`. */
export function createClient(url: string, options: ClientOptions = {}) {
  const given = { ...defaults, ...options };
  const { accessToken, headers, backOff, silenceMs, answerMs } = given;
  const onError = guarded(given.onError, (error) => reportError(error));
  const onSignedOut = guarded(given.onSignedOut, onError);
  const base = withoutSlashes(url);
  const session = createSession({ url: base, headers, onSignedOut, backOff });
  const access = accessToken ? accessBy(accessToken) : session.access;
  const request = fetchWith(access, headers);
  const api = treaty<App>(base, { parseDate: false, fetcher: request as typeof fetch });
  const open = new Set<Connection>();
  const parts = { backOff, silenceMs, onError, open, fetch: request };

  const followEvents = <Type extends EventType = EventType>({
    types,
    stream,
    ...options
  }: FollowOptions & EventFilter<Type> = {}): Follower<EventOfType<Type>> => {
    const query = new URLSearchParams({
      ...(types && { types: types.join(',') }),
      ...(stream !== undefined && { stream }),
    });
    return follow({ ...parts, url: `${base}/events/stream?${query}` }, options);
  };

  return extend(api, {
    signIn: session.signIn,
    resume: session.resume,
    /** Ends the session, and every stream and room that this client has open. */
    async signOut() {
      for (const connection of open) connection.stop();
      return await session.signOut();
    },
    events: {
      /** Listens to what happens from now on; all such listeners share one connection. */
      on: sharedOn<LiveEvent>((onState) => followEvents({ onState }), onError),
      /** A connection of its own, which can begin in the past and be filtered. */
      follow: followEvents,
    },
    notifications: {
      follow: (options?: FollowOptions): Follower<NotificationEvent> =>
        follow({ ...parts, url: `${base}/notifications/stream` }, options),
    },
    chat: {
      join: (room: string, options?: JoinOptions): ChatRoom =>
        joinRoom(room, { ...parts, url: base, access, answerMs }, options),
    },
  });
}

/** At the end. */
function withoutSlashes(url: string): string {
  let end = url.length;
  while (url[end - 1] === '/') end -= 1;
  return url.slice(0, end);
}
