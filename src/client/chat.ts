// A chat room over WebSocket. Members see every message once and in the order of the log, also across
// connections: a new one resumes behind the last position seen.
import type { Access, Fetch } from './access.ts';
import { retryAfterMs } from './back-off.ts';
import {
  type ConnectionParts,
  type ConnectionState,
  type Ending,
  keepConnected,
  type StateListener,
} from './connection.ts';
import { createPosts, notSent, type Posted } from './posts.ts';
import { isFinal, refusalOf } from './problems.ts';
import { Silence } from './silence.ts';

export type ChatMessage = {
  readonly id: string;
  /** The author's user id. */
  readonly from: string;
  readonly name: string;
  readonly data: { readonly text: string };
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly position: number;
};

export type Member = { readonly id: string; readonly name: string };

export type JoinOptions = {
  /** Begins behind this position; without it, with what is posted from now on. */
  readonly after?: number;
  readonly onMessage?: (message: ChatMessage) => void;
  readonly onWithdrawn?: (withdrawn: Posted) => void;
  /** Everybody who is there, whenever that changes. */
  readonly onPresence?: (users: readonly Member[]) => void;
  readonly onState?: StateListener;
};

export type ChatRoom = {
  /**
   * Resolves when the message is stored; waits for a connection, though not for long. Nothing is sent
   * twice by itself.
   * @throws PostFailed
   */
  readonly post: (text: string) => Promise<Posted>;
  readonly state: ConnectionState;
  /** Of the last message seen. */
  readonly position: number | undefined;
  readonly leave: () => void;
};

export type ChatParts = Pick<ConnectionParts, 'backOff' | 'open'> & {
  readonly url: string;
  readonly access: Access;
  readonly fetch: Fetch;
  readonly silenceMs: number;
  readonly answerMs: number;
};

type ServerFrame =
  | ({ readonly type: 'message' } & ChatMessage)
  | ({ readonly type: 'withdrawn' } & Posted)
  | ({ readonly type: 'ack'; readonly ref?: string } & Posted)
  | {
      readonly type: 'error';
      readonly code: string;
      readonly message: string;
      readonly ref?: string;
    }
  | { readonly type: 'presence'; readonly users: readonly Member[] };

type Closed = { readonly code: number; readonly reason: string; readonly wasOpen: boolean };

const signInAgain = 4401;

export function joinRoom(room: string, parts: ChatParts, options: JoinOptions = {}): ChatRoom {
  const { onMessage, onWithdrawn, onPresence, onState = () => {} } = options;
  const { url, access, fetch, silenceMs, answerMs, backOff, open } = parts;
  if (!/^[a-z0-9-]{1,64}$/.test(room)) throw new RangeError(`No room can be called '${room}'.`);
  let position = options.after;
  let socket: WebSocket | undefined;
  /** A refused handshake does not say why; a request does. */
  let isDoubtful = false;
  const posts = createPosts(answerMs, () => socket?.close());

  async function attempt(stop: AbortSignal, isLive: () => void): Promise<Ending> {
    if (position === undefined || isDoubtful) {
      const refused = await ask(stop);
      if (refused) return refused;
    }
    const token = await access.token();
    if (stop.aborted) return {};
    const closed = await converse(token, stop, isLive);
    posts.lose();
    isDoubtful = !closed.wasOpen;
    const cause = new Error(`The connection was closed: ${closed.code} ${closed.reason}`.trim());
    if (closed.code !== signInAgain) return { cause };
    return { cause, isFinal: (await access.renew(token)) === 'refused' };
  }

  /** Whether the room would be open to us, and where its log stands. */
  async function ask(stop: AbortSignal): Promise<Ending | undefined> {
    const response = await fetch(`${url}/chat/${room}/messages?limit=1`, { signal: stop });
    if (!response.ok) {
      const cause = await refusalOf(response);
      const atLeastMs = retryAfterMs(response.headers.get('retry-after'));
      return { cause, isFinal: isFinal(cause), atLeastMs };
    }
    const { data } = (await response.json()) as { data: readonly { position: number }[] };
    position ??= data[0]?.position ?? 0;
    return undefined;
  }

  function converse(token: string | undefined, stop: AbortSignal, isLive: () => void) {
    const { promise, resolve } = Promise.withResolvers<Closed>();
    const address = `${url.replace(/^http/, 'ws')}/ws/chat/${room}?after=${position}`;
    const opened = new WebSocket(address, token === undefined ? [] : ['bearer', token]);
    let wasOpen = false;

    const end = (code: number, reason: string) => {
      clearTimeout(opening);
      stop.removeEventListener('abort', leave);
      if (socket === opened) socket = undefined;
      opened.close();
      resolve({ code, reason, wasOpen });
    };
    const leave = () => end(1000, 'left');
    const opening = setTimeout(() => end(1006, new Silence(silenceMs).message), silenceMs);
    stop.addEventListener('abort', leave);

    opened.addEventListener('open', () => {
      clearTimeout(opening);
      wasOpen = true;
      socket = opened;
      isLive();
      posts.send((frame) => opened.send(frame));
    });
    opened.addEventListener('message', ({ data }) => {
      take(JSON.parse(String(data)) as ServerFrame);
    });
    opened.addEventListener('close', ({ code, reason }) => end(code, reason));
    return promise;
  }

  function take(frame: ServerFrame) {
    if (frame.type === 'message' && isNew(frame)) {
      const { type: _, ...message } = frame;
      onMessage?.(message);
    }
    if (frame.type === 'withdrawn' && isNew(frame)) {
      onWithdrawn?.({ id: frame.id, position: frame.position });
    }
    if (frame.type === 'presence') onPresence?.(frame.users);
    // It says nothing of what others posted before, so it moves no position.
    if (frame.type === 'ack')
      posts.acknowledge(frame.ref, { id: frame.id, position: frame.position });
    if (frame.type === 'error') posts.refuse(frame.ref, frame.code, frame.message);
  }

  function isNew({ position: place }: Posted): boolean {
    if (place <= (position ?? -1)) return false;
    position = place;
    return true;
  }

  const connection = keepConnected(attempt, { backOff, onState, open });
  void connection.stopped.then(() => posts.close());

  return {
    async post(text) {
      if (connection.state() === 'stopped') throw notSent('The room was left.');
      const posted = posts.add(text);
      if (socket) posts.send((frame) => socket?.send(frame));
      return posted;
    },
    get state() {
      return connection.state();
    },
    get position() {
      return position;
    },
    leave: connection.stop,
  };
}
