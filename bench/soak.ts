// A thousand followers for as long as all rounds take: what they get, what others notice, and what memory comes back.
import { join } from 'node:path';
import { benchRoot, host, hold } from './children.ts';
import { summarize } from './load-specification.ts';
import type { BenchOptions } from './options.ts';
import { productBody, request, signInMany, startRefold } from './refold.ts';
import type { Report } from './report.ts';

const followers = 1_000;
/** A user may have so many streams open. */
const streamsEach = 32;
const eventsPerSecond = 100;
const probeEveryMs = 20;
/** After the last follower has left. */
const restMs = 10_000;

export async function soak(options: BenchOptions): Promise<Report> {
  const refold = await startRefold(options);
  const { server, headers } = refold;
  const tokens = await signInMany(server, Math.ceil(followers / streamsEach));
  const memory = [await residentMegabytes(server.pid)];
  const held = await hold(
    {
      script: join(benchRoot, 'held-streams.ts'),
      specification: {
        host,
        port: server.port,
        path: '/events/stream?types=ProductCreated',
        followers,
        headers: tokens.map((token) => `Authorization: Bearer ${token}\r\n`),
        marker: 'event: ProductCreated',
      },
    },
    options,
  );
  const seconds = options.rounds * options.seconds;
  const events = seconds * eventsPerSecond;
  const probing = probe(server.port, seconds);
  const createdMs = await create(events);
  const probes = await probing;
  await Bun.sleep(1_000);
  memory.push(await residentMegabytes(server.pid));
  const received = await held.leave();
  await Bun.sleep(restMs);
  memory.push(await residentMegabytes(server.pid));

  async function create(count: number) {
    const times: number[] = [];
    const begin = performance.now();
    const creates: Promise<unknown>[] = [];
    for (let number = 0; number < count; number += 1) {
      await Bun.sleep(Math.max(0, begin + (number * 1_000) / eventsPerSecond - performance.now()));
      const asked = performance.now();
      const body = productBody('SOAK').replace('{number}', String(number).padStart(10, '0'));
      const json = { ...headers, 'Content-Type': 'application/json' };
      const create = request(server, '/products', { method: 'POST', headers: json, body });
      creates.push(create.then(() => times.push(performance.now() - asked)));
    }
    await Promise.all(creates);
    return times;
  }

  const complete = received.filter((count) => count === events).length;
  return {
    title: 'soak',
    unit: 'requests',
    measured: [
      { name: 'POST /products', rounds: [summarize(createdMs, seconds, 0)], acknowledged: events },
      { name: 'GET /health', rounds: [summarize(probes, seconds, 0)], acknowledged: probes.length },
    ],
    ratios: [],
    notes: [
      `${eventsPerSecond} events a second for ${seconds} s: ${complete} of ${followers} followers received all ${events}.`,
      `Memory of the server: ${memory[0]} MB before, ${memory[1]} MB with them, ${memory[2]} MB ${restMs / 1_000} s after they had left.`,
      `GET /health was asked every ${probeEveryMs} ms, over a connection that stays open.`,
    ],
  };
}

async function probe(port: number, seconds: number) {
  const times: number[] = [];
  const end = performance.now() + seconds * 1_000;
  while (performance.now() < end) {
    const asked = performance.now();
    await (await fetch(`http://${host}:${port}/health`)).text();
    times.push(performance.now() - asked);
    await Bun.sleep(probeEveryMs);
  }
  return times;
}

async function residentMegabytes(pid: number) {
  const kilobytes = await Bun.$`ps -o rss= -p ${pid}`.quiet().text();
  return Math.round(Number(kilobytes) / 1_024);
}
