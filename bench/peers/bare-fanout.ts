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

/** The frames that Refold sends for a message. */
function broadcast(text: string) {
  position += 1;
  const time = new Date().toISOString();
  const meta = { actorId: id, correlationId: id, causationId: id };
  const data = { room: 'bench', authorId: id, text };
  const event = { id, type: 'MessagePosted', stream: `message-${id}`, version: 1 };
  const json = JSON.stringify({ ...event, position, time, data, meta });
  if (streams.size > 0) {
    const frame = encoder.encode(`id: ${position}\nevent: MessagePosted\ndata: ${json}\n\n`);
    for (const controller of streams) controller.enqueue(frame);
  }
  if (sockets.size > 0) {
    const message = { type: 'message', id, from: id, name: 'Bench', data: { text } };
    const frame = JSON.stringify({ ...message, at: Date.now(), position });
    for (const socket of sockets) socket.send(frame);
  }
}

Bun.serve({
  hostname: '127.0.0.1',
  port: Number(process.env['PORT']),
  idleTimeout: 0,
  async fetch(request, server) {
    const { pathname } = new URL(request.url);
    if (pathname === '/events/stream') return stream();
    if (pathname.startsWith('/ws/') && server.upgrade(request, { data: undefined })) return;
    if (request.method !== 'POST') return new Response('ready');
    const { text } = (await request.json()) as { text: string };
    broadcast(text);
    return Response.json({ position });
  },
  websocket: {
    open: (socket) => void sockets.add(socket),
    message: () => {},
    close: (socket) => void sockets.delete(socket),
  },
});
