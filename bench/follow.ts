// Many followers in one process, on raw sockets that only count what comes, and the author whom they follow.
import type { FollowSpecification } from './follow-specification.ts';
import { createMarkerCounter } from './markers.ts';
import { summarize } from './load-specification.ts';

const specification = (await Bun.stdin.json()) as FollowSpecification;
const { host, port, path, followers, headers, author, batch, paceMs, seconds } = specification;
const marker = Buffer.from(specification.marker);

type Arrival = { readonly at: number; readonly deliveries: number };

let arrivals: Arrival[] = [];
let isWriting = false;
let missing = 0;
let allDelivered = () => {};
const latenciesMs: number[] = [];
let deliveringMs = 0;

const now = () => performance.timeOrigin + performance.now();

function hear(deliveries: number) {
  if (deliveries === 0 || !isWriting) return;
  arrivals.push({ at: now(), deliveries });
  missing -= deliveries;
  if (missing <= 0) allDelivered();
}

async function follow(header: string) {
  const { promise, resolve } = Promise.withResolvers<void>();
  const count = createMarkerCounter(marker);
  await Bun.connect({
    hostname: host,
    port,
    socket: {
      open(socket) {
        socket.write(`GET ${path} HTTP/1.1\r\nHost: ${host}:${port}\r\n${header}\r\n`);
      },
      data(_, chunk) {
        resolve();
        hear(count(chunk));
      },
      close() {
        console.error('follow: a follower was cut');
        process.exit(1);
      },
    },
  });
  await promise;
}

/** What the author writes, until everybody has it. */
async function deliver() {
  arrivals = [];
  missing = batch * followers;
  const all = new Promise<void>((resolve) => (allDelivered = resolve));
  const [{ committedAt, heldAt }] = await Promise.all([write(), all]);
  deliveringMs += arrivals.at(-1)!.at - heldAt;
  for (const { at, deliveries } of arrivals) {
    for (let index = 0; index < deliveries; index += 1) latenciesMs.push(at - committedAt);
  }
}

async function write() {
  const answer = await fetch(`http://${host}:${author.port}/`, {
    method: 'POST',
    body: JSON.stringify({ ...author.body, count: batch }),
  });
  if (!answer.ok) throw new Error(`follow: the author answered ${answer.status}`);
  return (await answer.json()) as { readonly committedAt: number; readonly heldAt: number };
}

for (let index = 0; index < followers; index += 1) await follow(headers[index % headers.length]!);

isWriting = true;
const end = now() + seconds * 1_000;
while (now() < end) await Promise.all([deliver(), Bun.sleep(paceMs)]);
console.log(JSON.stringify(summarize(latenciesMs, deliveringMs / 1_000, 0)));
process.exit(0);
