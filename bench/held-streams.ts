// Many streams in one process, held open until it is told to leave; it answers what each of them received.
import type { HeldSpecification } from './follow-specification.ts';
import { createMarkerCounter } from './markers.ts';

process.once('message', (specification: HeldSpecification) => void begin(specification));

async function begin({ host, port, path, followers, headers, marker }: HeldSpecification) {
  const received = Array.from({ length: followers }, () => 0);
  const bytes = Buffer.from(marker);

  async function open(index: number) {
    const { promise, resolve } = Promise.withResolvers<void>();
    const count = createMarkerCounter(bytes);
    await Bun.connect({
      hostname: host,
      port,
      socket: {
        open(socket) {
          const header = headers[index % headers.length]!;
          socket.write(`GET ${path} HTTP/1.1\r\nHost: ${host}:${port}\r\n${header}\r\n`);
        },
        data(_, chunk) {
          resolve();
          received[index]! += count(chunk);
        },
      },
    });
    await promise;
  }

  for (let index = 0; index < followers; index += 1) await open(index);
  process.once('message', () => {
    process.send!(received);
    process.disconnect();
    process.exit(0);
  });
  process.send!('open');
}
