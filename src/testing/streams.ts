// Raw clients of the live routes, which see every byte of a stream and every frame of a socket.

export type Frame = { readonly id?: string; readonly event?: string; readonly data?: string };

export type StreamOptions = {
  readonly token?: string;
  readonly after?: number;
  /** Of the address, as `types=ProductCreated`. */
  readonly query?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
};

/** Opens a stream of server-sent events and reads it until it ends or is cut. */
export async function openEventStream(
  url: string,
  { token, after, query = '', path = '/events/stream', headers = {} }: StreamOptions = {},
) {
  const abort = new AbortController();
  const response = await fetch(`${url}${path}${query === '' ? '' : `?${query}`}`, {
    headers: {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(after !== undefined && { 'last-event-id': String(after) }),
      ...headers,
    },
    signal: abort.signal,
  });
  const frames: Frame[] = [];
  const comments: string[] = [];
  const waiting: { readonly isMet: () => boolean; readonly resolve: () => void }[] = [];
  const settle = () => {
    for (const one of waiting.slice()) {
      if (!one.isMet()) continue;
      waiting.splice(waiting.indexOf(one), 1);
      one.resolve();
    }
  };
  const ended = (async () => {
    const decoder = new TextDecoder();
    let rest = '';
    try {
      for await (const chunk of response.body ?? []) {
        const blocks = (rest + decoder.decode(chunk, { stream: true })).split('\n\n');
        rest = blocks.pop()!;
        for (const block of blocks) {
          const frame = parse(block, comments);
          if (frame.data !== undefined) frames.push(frame);
        }
        settle();
      }
      return 'ended' as const;
    } catch {
      return 'cut' as const;
    }
  })();

  return {
    response,
    frames,
    comments,
    /** Resolves when the stream is over: ended by the server, or cut. */
    ended,
    positions: () => frames.map(({ id }) => Number(id)),
    /** The objects in the frames. */
    events: () => frames.map(({ data }) => JSON.parse(data!) as LiveEvent),
    /** Resolves once so many frames have come. */
    received: (count: number) => until(() => frames.length >= count),
    until,
    cut() {
      abort.abort();
      return ended;
    },
  };

  function until(isMet: () => boolean): Promise<void> {
    if (isMet()) return Promise.resolve();
    return new Promise((resolve) => waiting.push({ isMet, resolve }));
  }
}

export type LiveEvent = {
  readonly id: string;
  readonly type: string;
  readonly stream: string;
  readonly version: number;
  readonly position: number;
  readonly time: string;
  readonly data: Readonly<Record<string, unknown>>;
  readonly meta: Readonly<Record<string, string>>;
};

function parse(block: string, comments: string[]): Frame {
  const frame: Record<string, string> = {};
  for (const line of block.split('\n')) {
    const colon = line.indexOf(': ');
    if (line.startsWith(':')) comments.push(line.slice(1).trim());
    else if (colon > 0) frame[line.slice(0, colon)] = line.slice(colon + 2);
  }
  return frame;
}

/** A follower on a socket of its own that keeps nothing but positions: `fetch` opens 256 at most. */
export async function openPlainStream(
  url: string,
  { token = '', after = 0, query = '' }: StreamOptions,
) {
  const { hostname, port } = new URL(url);
  const positions: number[] = [];
  const opened = Promise.withResolvers<void>();
  let rest = '';
  let wanted = Number.POSITIVE_INFINITY;
  let received = () => {};
  const socket = await Bun.connect({
    hostname,
    port: Number(port),
    socket: {
      open(own) {
        own.write(
          `GET /events/stream?after=${after}&${query} HTTP/1.1\r\nHost: ${hostname}:${port}\r\n`,
        );
        own.write(`Authorization: Bearer ${token}\r\n\r\n`);
      },
      data(_, chunk) {
        opened.resolve();
        const blocks = (rest + chunk.toString()).split('\n\n');
        rest = blocks.pop()!;
        for (const block of blocks) {
          const id = /^id: (\d+)\nevent/m.exec(block)?.[1];
          if (id !== undefined) positions.push(Number(id));
        }
        if (positions.length >= wanted) received();
      },
    },
  });
  await opened.promise;
  return {
    positions,
    /** Resolves once so many events have come. */
    received(count: number): Promise<void> {
      wanted = count;
      if (positions.length >= count) return Promise.resolve();
      return new Promise((resolve) => (received = resolve));
    },
    cut: () => socket.terminate(),
  };
}

export type ChatFrame = {
  readonly type: string;
  readonly id?: string;
  readonly from?: string;
  readonly name?: string;
  readonly data?: { readonly text: string };
  readonly at?: number;
  readonly position?: number;
  readonly ref?: string;
  readonly code?: string;
  readonly users?: readonly { readonly id: string; readonly name: string }[];
};

type ChatOptions = {
  readonly room: string;
  readonly token?: string;
  readonly after?: number;
  readonly query?: string;
  readonly headers?: Record<string, string>;
};

/** A member of a room, by the subprotocols `bearer, <token>` unless the query holds a token. */
export function openChat(url: string, { room, token, after, query, headers }: ChatOptions) {
  const address = new URL(`/ws/chat/${room}`, url.replace(/^http/, 'ws'));
  if (after !== undefined) address.searchParams.set('after', String(after));
  const search = query === undefined ? '' : `${address.search ? '&' : '?'}${query}`;
  const socket = new WebSocket(`${address}${search}`, {
    ...(token !== undefined && { protocols: ['bearer', token] }),
    ...(headers && { headers }),
  } as never);
  const frames: ChatFrame[] = [];
  const waiting: { readonly isMet: () => boolean; readonly resolve: () => void }[] = [];
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    socket.addEventListener('close', ({ code, reason }) => resolve({ code, reason }));
  });
  const opened = new Promise<boolean>((resolve) => {
    socket.addEventListener('open', () => resolve(true));
    socket.addEventListener('close', () => resolve(false));
  });
  socket.addEventListener('message', ({ data }) => {
    frames.push(JSON.parse(String(data)) as ChatFrame);
    for (const one of waiting.slice()) {
      if (!one.isMet()) continue;
      waiting.splice(waiting.indexOf(one), 1);
      one.resolve();
    }
  });
  const of = (type: string) => frames.filter((frame) => frame.type === type);

  return {
    socket,
    frames,
    of,
    /** False if it was refused. */
    opened,
    closed,
    post: (text: string, ref?: string) => socket.send(JSON.stringify({ text, ref })),
    /** Resolves once so many frames of a type have come. */
    received: (type: string, count: number) => until(() => of(type).length >= count),
    until,
    leave() {
      socket.close();
      return closed;
    },
  };

  function until(isMet: () => boolean): Promise<void> {
    if (isMet()) return Promise.resolve();
    return new Promise((resolve) => waiting.push({ isMet, resolve }));
  }
}
