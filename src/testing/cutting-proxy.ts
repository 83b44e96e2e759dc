// A TCP proxy that cuts connections in the middle of what is said, in either direction, or falls silent.
import { connect, createServer, type Socket } from 'node:net';

/**
 * @param bytes How many bytes the next connection lives for, counted in both directions together; infinity
 *   for one that is not cut.
 */
export async function startCuttingProxy(
  target: { host: string; port: number },
  bytes: () => number,
) {
  const sockets = new Set<Socket>();
  let cuts = 0;
  let isSilent = false;

  const server = createServer((client) => {
    const upstream = connect(target.port, target.host);
    let left = bytes();
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from);
      if (isSilent) from.pause();
      from.on('data', (chunk: Buffer) => {
        if (chunk.length >= left) {
          if (left > 0) cuts += 1;
          to.write(chunk.subarray(0, left));
          left = 0;
          client.destroy();
          upstream.destroy();
          return;
        }
        left -= chunk.length;
        to.write(chunk);
      });
      from.on('error', () => {}); // one end is gone, and `close` tells the other
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
    }
  });
  function cutAll() {
    for (const socket of sockets) socket.destroy();
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };

  return {
    port,
    /** Connections that were cut so far. */
    cuts: () => cuts,
    cutAll,
    /** From now on it takes connections and carries nothing, without a word. */
    silence() {
      isSilent = true;
      for (const socket of sockets) socket.pause();
    },
    /** Carries what has come meanwhile. */
    speak() {
      isSilent = false;
      for (const socket of sockets) socket.resume();
    },
    async close() {
      cutAll();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
