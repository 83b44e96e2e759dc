// A chat room over WebSocket. Members see every message once and in the order of the log, also across
// connections: a new one resumes behind the last position seen.
import type { Access, Fetch } from './access.ts';
import { converse } from './chat-socket.ts';
import {
  type ConnectionParts,
  type ConnectionState,
  type Ending,
  keepConnected,
  type StateListener,
} from './connection.ts';
import { type ChatMessage, type Member, type ServerFrame } from './frames.ts';
import { guarded, type OnError } from './guarded.ts';
import { findHead } from './head.ts';
import { createPosts, notSent, type Posted } from './posts.ts';
import { createWatch, type Watch } from './silence.ts';
import { refused } from './stream.ts';

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

export type ChatParts = Pick<ConnectionParts, 'backOff' | 'open' | 'onError'> & {
  readonly url: string;
  readonly access: Access;
  readonly fetch: Fetch;
  readonly silenceMs: number;
  readonly answerMs: number;
};

const signInAgain = 4401;

export function joinRoom(room: string, parts: ChatParts, options: JoinOptions = {}): ChatRoom {
  const { onState = () => {} } = options;
  const { url, access, fetch, silenceMs, answerMs, backOff, open, onError } = parts;
  const tell = tellers(options, onError);
  if (!/^[a-z0-9-]{1,64}$/.test(room)) throw new RangeError(`No room can be called '${room}'.`);
  let position = options.after;
  let socket: WebSocket | undefined;
  /** A refused handshake does not say why; a request does. */
  let isDoubtful = false;
  const posts = createPosts(answerMs, () => socket?.close());

  async function attempt(stop: AbortSignal, isLive: () => void): Promise<Ending> {
    const watch = createWatch(silenceMs, stop);
    const refusal = await prepare(watch);
    if (refusal) return refusal;
    const token = await watch.wait(access.token());
    if (stop.aborted) return {};
    const address = `${url.replace(/^http/, 'ws')}/ws/chat/${room}?after=${position}`;
    const onOpen = (opened: WebSocket) => {
      socket = opened;
      isLive();
      posts.send((frame) => opened.send(frame));
    };
    const closed = await converse({ address, token, silenceMs, stop, onOpen, onFrame });
    socket = undefined;
    posts.lose();
    isDoubtful = !closed.wasOpen;
    const { code, cause } = closed;
    if (code !== signInAgain) return { cause };
    return { cause, isFinal: (await access.renew(token)) === 'refused' };
  }

  /** Finds out where to begin, or why we were not let in. */
  async function prepare(watch: Watch): Promise<Ending | undefined> {
    if (position === undefined) {
      const found = await findHead(fetch, url, watch);
      if ('refusal' in found) return found.refusal;
      position = found.head;
    } else if (isDoubtful) {
      const messages = `${url}/chat/${room}/messages?limit=1`;
      const response = await watch.wait(fetch(messages, { signal: watch.signal }));
      if (!response.ok) return refused(response);
      await response.body?.cancel();
    }
    return undefined;
  }

  function onFrame(frame: ServerFrame) {
    if (frame.type === 'message' || frame.type === 'withdrawn') deliver(frame);
    if (frame.type === 'presence') tell.presence(frame.users);
    // It says nothing of what others posted before, so it moves no position.
    if (frame.type === 'ack')
      posts.acknowledge(frame.ref, { id: frame.id, position: frame.position });
    if (frame.type === 'error') posts.refuse(frame.ref, frame.code, frame.message);
  }

  function deliver(frame: Extract<ServerFrame, { readonly type: 'message' | 'withdrawn' }>) {
    const { type: _, ...told } = frame;
    if (told.position <= (position ?? -1)) return;
    if (frame.type === 'message') tell.message(told as ChatMessage);
    else tell.withdrawn({ id: told.id, position: told.position });
    position = told.position;
  }

  const connection = keepConnected(attempt, { backOff, onState, onError, open });
  void connection.stopped.then(() => posts.close());

  return {
    async post(text) {
      if (connection.state() === 'stopped') throw notSent('The room was left.');
      const posted = posts.add(text);
      if (socket?.readyState === WebSocket.OPEN) posts.send((frame) => socket?.send(frame));
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

function tellers(options: JoinOptions, onError: OnError) {
  const { onMessage = () => {}, onWithdrawn = () => {}, onPresence = () => {} } = options;
  return {
    message: guarded(onMessage, onError),
    withdrawn: guarded(onWithdrawn, onError),
    presence: guarded(onPresence, onError),
  };
}
