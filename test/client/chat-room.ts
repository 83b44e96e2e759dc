import { afterEach, beforeEach } from 'bun:test';
import {
  type ChatMessage,
  type ConnectionState,
  createClient,
  type JoinOptions,
  type Member,
  type Posted,
} from '../../src/client/index.ts';
import { collected } from './collected.ts';

type Data = { readonly request: Request };
export type Socket = Bun.ServerWebSocket<Data>;
type Post = { readonly text: string; readonly ref: string };

const fresh = () => ({
  sockets: collected<Socket>(),
  posts: collected<Post>(),
  pings: collected<Post>(),
  /** The streams of events that were opened, each until it ends. */
  streams: collected<Promise<void>>(),
  refuse: undefined as (() => Response) | undefined,
  /** Handshakes are never answered. */
  isMute: false,
  answersPings: true,
  head: 40,
});

/** For each test a server of one room that speaks the contract, and misbehaves as networks do. */
export function chatServer() {
  const fake = fresh();
  let server: Bun.Server<Data>;
  beforeEach(() => {
    server = serve(Object.assign(fake, fresh()));
  });
  afterEach(() => server.stop(true));

  const clientOf = (options: Parameters<typeof createClient>[1] = {}) => {
    const backOff = { firstMs: 2, maxMs: 10 };
    return createClient(server.url.href, { backOff, accessToken: () => 'a-token', ...options });
  };

  return {
    fake,
    clientOf,

    join(options: JoinOptions = {}, client = clientOf()) {
      const states = collected<readonly [ConnectionState, Error | undefined]>();
      const messages = collected<ChatMessage>();
      const withdrawn = collected<Posted>();
      const present = collected<readonly Member[]>();
      const room = client.chat.join('lobby', {
        onState: (state, cause) => states.add([state, cause]),
        onMessage: messages.add,
        onWithdrawn: withdrawn.add,
        onPresence: present.add,
        ...options,
      });
      const until = (wanted: ConnectionState) =>
        states.until((items) => items.some(([state]) => state === wanted));
      return { room, states, messages, withdrawn, present, until };
    },

    async socketOf(number: number): Promise<Socket> {
      return (await fake.sockets.first(number))[number - 1]!;
    },
  };
}

type Fake = ReturnType<typeof fresh>;

function serve(fake: Fake): Bun.Server<Data> {
  return Bun.serve<Data>({
    port: 0,
    hostname: '127.0.0.1',
    fetch(request, server) {
      if (fake.refuse) return fake.refuse();
      if (new URL(request.url).pathname === '/events/stream') return beginning(fake, request);
      if (!request.headers.has('upgrade')) return Response.json({ data: [] });
      if (fake.isMute) return new Promise<Response>(() => {});
      const headers = { 'sec-websocket-protocol': 'bearer' };
      server.upgrade(request, { data: { request }, headers });
      return new Response('', { status: 400 });
    },
    websocket: {
      open: (socket) => fake.sockets.add(socket),
      message(socket, text) {
        const post = JSON.parse(String(text)) as Post;
        if (post.text !== '') return fake.posts.add(post);
        fake.pings.add(post);
        if (!fake.answersPings) return;
        say(socket, { type: 'error', code: 'NO', message: 'Say more.', ref: post.ref });
      },
    },
  });
}

/** A stream of events that begins live, as the server begins it. */
function beginning({ streams, head }: Fake, { signal }: Request): Response {
  streams.add(new Promise((resolve) => signal.addEventListener('abort', () => resolve())));
  const start = (controller: ReadableStreamDefaultController<string>) =>
    controller.enqueue(`retry: 1\nid: ${head}\n: connected\n\n`);
  const headers = { 'content-type': 'text/event-stream' };
  return new Response(new ReadableStream({ start }), { headers });
}

export const say = (socket: Socket, frame: object) => void socket.send(JSON.stringify(frame));

export const message = (position: number) => ({
  type: 'message',
  id: `m${position}`,
  from: 'ada',
  name: 'Ada',
  data: { text: `text ${position}` },
  at: 1,
  position,
});

/** Behind which position a member came in. */
export const afterOf = ({ data }: Socket) => new URL(data.request.url).searchParams.get('after');
