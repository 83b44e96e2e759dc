/** A loop over open connections and nothing else: no log, no tokens, no order, nothing to resume. */
const streams = new Set<ReadableStreamDefaultController<Uint8Array>>();
const sockets = new Set<Bun.ServerWebSocket<undefined>>();
const encoder = new TextEncoder();
const id = Bun.randomUUIDv7();
let position = 0;

const headers = { 'content-type': 'text/event-stream' };

function stream(): Response {
  let own: ReadableStreamDefaultController<Uint8Array>;
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      own = controller;
      streams.add(controller);
      controller.enqueue(encoder.encode(': connected\n\n'));
    },
    cancel: () => void streams.delete(own),
  });
  return new Response(body, { headers });
}

const now = () => performance.timeOrigin + performance.now();

type Message = { readonly room: string; readonly text: string; readonly authorId: string };

/** The frames that Refold sends for a message. */
function broadcast({ room, text, authorId }: Message) {
  position += 1;
  const time = new Date().toISOString();
  const meta = { actorId: id, correlationId: id, causationId: id };
  const data = { room, authorId, text };
  const event = { id, type: 'MessagePosted', stream: `message-${id}`, version: 1 };
  const json = JSON.stringify({ ...event, position, time, data, meta });
  if (streams.size > 0) {
    const frame = encoder.encode(`id: ${position}\nevent: MessagePosted\ndata: ${json}\n\n`);
    for (const controller of streams) controller.enqueue(frame);
  }
  if (sockets.size > 0) {
    const message = { type: 'message', id, from: authorId, name: 'Bench', data: { text } };
    const frame = JSON.stringify({ ...message, at: Date.now(), position });
    for (const socket of sockets) socket.send(frame);
  }
}

Bun.serve({
  hostname: '127.0.0.1',
  port: Number(process.env['PORT']),
  idleTimeout: 0,
  fetch(request, server) {
    const { pathname } = new URL(request.url);
    if (pathname === '/events/stream') return stream();
    if (pathname.startsWith('/ws/') && server.upgrade(request, { data: undefined })) return;
    return new Response('ready');
  },
  websocket: {
    open: (socket) => void sockets.add(socket),
    message: () => {},
    close: (socket) => void sockets.delete(socket),
  },
});

Bun.serve({
  hostname: '127.0.0.1',
  port: Number(process.env['AUTHOR_PORT']),
  async fetch(request) {
    const { count, ...message } = (await request.json()) as Message & { readonly count: number };
    const heldAt = now();
    for (let index = 0; index < count; index += 1) broadcast(message);
    return Response.json({ committedAt: heldAt, heldAt });
  },
});
