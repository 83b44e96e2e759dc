// Many followers in one process, on raw sockets that only count what comes, and the author whom they follow.
import type { FollowSpecification } from './follow-specification.ts';
import { summarize } from './load-specification.ts';

const specification = (await Bun.stdin.json()) as FollowSpecification;
const { host, port, path, followers, headers, post, batch, seconds } = specification;
const marker = Buffer.from(specification.marker);

let delivered = 0;
let expected = Number.POSITIVE_INFINITY;
let batchStartedAt = 0;
let allDelivered = () => {};
const latenciesMs: number[] = [];

function count(chunk: Buffer): number {
  let found = 0;
  for (let at = chunk.indexOf(marker); at >= 0; at = chunk.indexOf(marker, at + marker.length)) {
    found += 1;
  }
  return found;
}

function hear(found: number) {
  if (found === 0 || batchStartedAt === 0) return;
  delivered += found;
  const ms = performance.now() - batchStartedAt;
  for (let index = 0; index < found; index += 1) latenciesMs.push(ms);
  if (delivered >= expected) allDelivered();
}

async function follow(header: string) {
  const { promise, resolve } = Promise.withResolvers<void>();
  let rest = Buffer.alloc(0);
  await Bun.connect({
    hostname: host,
    port,
    socket: {
      open(socket) {
        socket.write(`GET ${path} HTTP/1.1\r\nHost: ${host}:${port}\r\n${header}\r\n`);
      },
      data(_, chunk) {
        resolve();
        const bytes = rest.length > 0 ? Buffer.concat([rest, chunk]) : Buffer.from(chunk);
        hear(count(bytes));
        // The beginning of a marker at the end of a chunk, without a whole one.
        rest = Buffer.from(bytes.subarray(Math.max(0, bytes.length - marker.length + 1)));
      },
      close() {
        console.error('follow: a follower was cut');
        process.exit(1);
      },
    },
  });
  await promise;
}

async function send() {
  const { body } = post;
  const answer = await fetch(`http://${host}:${port}${post.path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...post.headers },
    body,
  });
  if (!answer.ok) throw new Error(`follow: POST answered ${answer.status}`);
  await answer.arrayBuffer();
}

for (let index = 0; index < followers; index += 1) await follow(headers[index % headers.length]!);

const start = performance.now();
const end = start + seconds * 1_000;
let posted = 0;
while (performance.now() < end) {
  batchStartedAt = performance.now();
  posted += batch;
  expected = posted * followers;
  const all = new Promise<void>((resolve) => (allDelivered = resolve));
  await Promise.all([all, ...Array.from({ length: batch }, send)]);
}
const took = (performance.now() - start) / 1_000;
console.log(JSON.stringify(summarize(latenciesMs, took, 0)));
process.exit(0);
