// Chat over WebSocket. What is posted here goes the way of every command, and everybody in the room, the
// author too, gets it from the log, once it is stored: so all see one order.
import { Type } from '@sinclair/typebox';
import { TypeCompiler } from '@sinclair/typebox/compiler';
import { Elysia, t } from 'elysia';
import { reveal } from '../kernel/event.ts';
import { UnknownPerson } from '../kernel/keyring.ts';
import type { Following } from '../kernel/live-feed.ts';
import type { Position } from '../kernel/stream.ts';
import type { User } from './access.ts';
import { type ChatRooms, createChatRooms } from './chat-rooms.ts';
import type { Connection, EndReason } from './connections.ts';
import type { Edge } from './edge.ts';
import type { LiveEntry } from './live-entry.ts';
import { isAllowedOrigin } from './origins.ts';
import { EdgeRefusal } from './problem.ts';
import { createQuota } from './quota.ts';
import { MessageText, strict } from './schemas.ts';

const frameBytesMax = 65_536;
const waitingBytesMax = 1_048_576;
/** Above what is ever waiting: the runtime drops frames beyond it without a word. */
const backpressureBytesMax = 16 * 1_048_576;
const messagesMax = 20;
const messagesMs = 10_000;

/** For `new Elysia({ websocket })`: inside a route they would be ignored. */
export const socketLimits = {
  maxPayloadLength: frameBytesMax,
  backpressureLimit: backpressureBytesMax,
  closeOnBackpressureLimit: true,
} as const;

export const closeCodes = {
  'session-ended': [4401, 'Sign in again.'],
  stalled: [1013, 'You do not keep up.'],
  shutdown: [1012, 'The server restarts.'],
  failed: [1011, 'Something went wrong on our side.'],
} as const satisfies Record<EndReason, readonly [number, string]>;

const Frame = TypeCompiler.Compile(
  Type.Union([
    strict({ text: MessageText }),
    strict({ text: MessageText, ref: Type.String({ maxLength: 128 }) }),
  ]),
);
const Room = t.Object({ room: t.String({ pattern: '^[a-z0-9-]{1,64}$' }) });
const Query = t.Object(
  {
    after: t.Optional(t.String({ pattern: '^\\d{1,20}$' })),
    token: t.Optional(t.String({ maxLength: 4_096 })),
  },
  { additionalProperties: true },
);

type Joining = {
  readonly user: User;
  readonly name: string;
  readonly room: string;
  readonly after: Position;
};
/** Elysia passes what happens on a socket to the functions in its data. */
type Handlers = {
  readonly open: (socket: Socket) => void;
  readonly message: (socket: Socket, frame: string | Buffer) => void;
  readonly drain: () => void;
  readonly close: () => void;
};
type Socket = Bun.ServerWebSocket<Handlers>;

export function chatSocketHttp(edge: Edge) {
  const { access, live, commands } = edge;
  const rooms = createChatRooms(edge);
  const quota = createQuota(messagesMax, messagesMs);
  return new Elysia({ name: 'http.chat-socket' }).use(access).get(
    '/ws/chat/:room',
    async ({ params, query, request, server, set, user }) => {
      if (!isAllowedOrigin(request, live.origins)) {
        throw new EdgeRefusal(403, 'FORBIDDEN', 'Pages of this origin may not connect.');
      }
      const { state } = await commands.users.load(user.id);
      if (state.status !== 'registered') throw new UnknownPerson(user.id);
      const head = await live.head();
      const asked = query.after === undefined ? head : (Number(query.after) as Position);
      const after = asked > head ? head : asked;
      const joining = { user, name: reveal(state.name), room: params.room, after };
      const data = connect({ ...edge, rooms, quota }, joining);
      const offered = request.headers.get('sec-websocket-protocol') ?? '';
      const headers = /^\s*bearer\s*,/i.test(offered) ? { 'sec-websocket-protocol': 'bearer' } : {};
      if (server?.upgrade(request, { data, headers })) {
        set.status = 101;
        return;
      }
      throw new EdgeRefusal(400, 'BAD_REQUEST', 'Open this address with a WebSocket.');
    },
    { mayFollow: true, params: Room, query: Query, detail: { hide: true } },
  );
}

type Parts = Pick<Edge, 'access' | 'live' | 'commands' | 'freshness' | 'newId' | 'refused'> & {
  readonly rooms: ChatRooms;
  readonly quota: ReturnType<typeof createQuota>;
};

/** One member's connection: a follower of the log on its way out, commands on its way in. */
function connect(parts: Parts, { user, name, room, after }: Joining): Handlers {
  const { access, live, rooms } = parts;
  let socket: Socket;
  let following: Following | undefined;
  let stalledSince: number | undefined;
  let isOver = false;
  let posting: Promise<unknown> = Promise.resolve();

  function take(entries: readonly LiveEntry[]): number {
    for (const [index, { chat }] of entries.entries()) {
      if (chat?.room !== room) continue;
      if (socket.getBufferedAmount() > waitingBytesMax) {
        stalledSince ??= performance.now();
        return index;
      }
      socket.send(chat.text);
      live.connections.delivered('websocket', 1);
    }
    return entries.length;
  }

  const connection: Connection = {
    kind: 'websocket',
    user,
    stalledSince: () => stalledSince,
    keepAlive: () => {}, // the runtime sends pings
    end(reason) {
      const [code, text] = closeCodes[reason];
      leave(reason);
      socket.close(code, text);
    },
  };

  function leave(reason: EndReason | 'left') {
    if (isOver) return;
    isOver = true;
    following?.stop();
    live.connections.remove(connection, reason);
    rooms.leave(room, socket);
  }

  async function hear(message: Message): Promise<void> {
    const isKnown = (await access.known()) ?? true;
    if (!access.mayGoOn(user)) return connection.end('session-ended');
    const author = { socket, user, room };
    if (isKnown) return post(parts, author, message);
    refuse(socket, message.ref, 'UNAVAILABLE', 'The message was not stored. Try again soon.');
  }

  return {
    open(opened) {
      socket = opened;
      live.connections.add(connection);
      if (isOver) return;
      rooms.enter(room, socket, { id: user.id, name });
      following = live.feed.follow({ take, onFailure: () => connection.end('failed') }, after);
    },
    message(_, frame) {
      if (!access.mayGoOn(user)) return connection.end('session-ended');
      if (socket.getBufferedAmount() > waitingBytesMax) return connection.end('stalled');
      // What is refused waits for nothing, so that no more waits than may be posted.
      const message = admitted(parts, { socket, user, room }, frame);
      if (message) posting = posting.then(() => hear(message));
    },
    drain() {
      if (stalledSince === undefined || socket.getBufferedAmount() > waitingBytesMax / 2) return;
      stalledSince = undefined;
      following?.resume();
    },
    close: () => leave('left'),
  };
}

type Author = { readonly socket: Socket; readonly user: User; readonly room: string };

type Message = { readonly text: string; readonly ref: string | undefined };

function refuse(socket: Socket, ref: string | undefined, code: string, message: string): void {
  socket.send(JSON.stringify({ type: 'error', code, message, ref }));
}

/** Undefined for what its author has been told to be refused. */
function admitted(
  { quota, refused }: Parts,
  { socket, user }: Author,
  frame: string | Buffer,
): Message | undefined {
  const { text, ref } = parse(frame);
  if (text === undefined) {
    refuse(socket, ref, 'VALIDATION_ERROR', 'Send { "text": …, "ref"?: … }.');
  } else if (quota.take(user.id)) {
    return { text, ref };
  } else {
    refused('messages');
    refuse(socket, ref, 'RATE_LIMITED', 'At most 20 messages in 10 seconds. Wait a little.');
  }
  return undefined;
}

async function post(
  { commands, freshness, newId }: Parts,
  { socket, user, room }: Author,
  { text, ref }: Message,
): Promise<void> {
  try {
    const requestId = newId();
    const context = { actorId: user.id, correlationId: requestId, causationId: requestId };
    const command = { type: 'PostMessage', room, text, by: user } as const;
    const outcome = await commands.messages(newId(), command, { ...context, isNew: true });
    if (!outcome.ok) return refuse(socket, ref, 'CONFLICT', 'This message exists already.');
    const { id, position } = outcome;
    freshness.wrote(user.id, position);
    socket.send(JSON.stringify({ type: 'ack', ref, id, position }));
  } catch {
    const message = 'The message may not have been stored. Look before you send it again.';
    refuse(socket, ref, 'UNAVAILABLE', message);
  }
}

/** No text if the frame is none that a client may send. */
function parse(frame: string | Buffer): { text?: string; ref?: string } {
  if (typeof frame !== 'string') return {};
  try {
    const value: unknown = JSON.parse(frame);
    if (Frame.Check(value)) return value;
    const { ref } = (value ?? {}) as { ref?: unknown };
    return typeof ref === 'string' ? { ref: ref.slice(0, 128) } : {};
  } catch {
    return {};
  }
}
