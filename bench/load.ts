/**
 * The HTTP load generator, a process of its own so that it shares no event loop with a server.
 *
 *     bun bench/load.ts < specification.json
 *
 * Each connection sends its next request when the last answer is complete (no pipelining).
 * Every answer must carry the expected status and a Content-Length; anything else ends the run.
 */
import { type Socket } from 'bun';
import { type LoadResult, type LoadSpecification, summarize } from './load-specification.ts';
import { requestSource } from './load-request.ts';
import { ResponseReader } from './load-response.ts';

type Connection = {
  reader: ResponseReader;
  sentAt: number;
  unsent: Uint8Array | undefined;
};

const silenceMaxMs = 15_000;

export async function runLoad(specification: LoadSpecification): Promise<LoadResult> {
  const { host, port, connections, seconds } = specification;
  const nextRequest = requestSource(specification);
  const latenciesMs: number[] = [];
  const { promise: finished, resolve: finish, reject: fail } = Promise.withResolvers<void>();
  const sockets: Socket<Connection>[] = [];
  let bodyBytes = 0;
  let open = connections;
  let deadline = Number.POSITIVE_INFINITY;

  function send(socket: Socket<Connection>) {
    const request = nextRequest();
    socket.data.sentAt = performance.now();
    const written = socket.write(request);
    if (written < request.length) socket.data.unsent = request.slice(written);
  }

  function received(socket: Socket<Connection>, chunk: Uint8Array) {
    const { reader } = socket.data;
    if (!reader.read(chunk)) return;
    if (reader.status !== specification.expectStatus) {
      fail(new Error(`expected status ${specification.expectStatus}, got ${reader.excerpt()}`));
      return;
    }
    const now = performance.now();
    bodyBytes += reader.bodyLength;
    latenciesMs.push(now - socket.data.sentAt);
    if (now < deadline) send(socket);
    else if (--open === 0) finish();
  }

  function flush(socket: Socket<Connection>) {
    const { unsent } = socket.data;
    if (unsent === undefined) return;
    const written = socket.write(unsent);
    socket.data.unsent = written < unsent.length ? unsent.slice(written) : undefined;
  }

  const handlers = {
    data(socket: Socket<Connection>, chunk: Uint8Array) {
      try {
        received(socket, chunk);
      } catch (error) {
        fail(error);
      }
    },
    drain: flush,
    close: () => fail(new Error('the server closed a keep-alive connection')),
    error: (_: Socket<Connection>, error: Error) => fail(error),
  };

  for (let index = 0; index < connections; index++) {
    const data = { reader: new ResponseReader(), sentAt: 0, unsent: undefined };
    sockets.push(await Bun.connect({ hostname: host, port, data, socket: handlers }));
  }
  const tooLateMs = seconds * 1000 + silenceMaxMs;
  const silence = setTimeout(() => fail(new Error('the server stopped answering')), tooLateMs);
  const startedAt = performance.now();
  deadline = startedAt + seconds * 1000;
  sockets.forEach(send);
  try {
    await finished;
  } finally {
    clearTimeout(silence);
  }
  const elapsedSeconds = (performance.now() - startedAt) / 1000;
  return summarize(latenciesMs, elapsedSeconds, bodyBytes);
}

if (import.meta.main) {
  try {
    const result = await runLoad((await Bun.stdin.json()) as LoadSpecification);
    console.log(JSON.stringify(result));
    process.exit(0);
  } catch (error) {
    console.error(`load: ${(error as Error).message}`);
    process.exit(1);
  }
}
