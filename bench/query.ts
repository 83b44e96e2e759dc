import { join } from 'node:path';
import { benchRoot, host, load, type Server, startServer } from './children.ts';
import type { LoadResult } from './load-specification.ts';
import type { BenchOptions } from './options.ts';
import { createProducts, type Refold, startRefold } from './refold.ts';
import type { Report } from './report.ts';
import { type Measured, measureInRounds } from './rounds.ts';

const connections = 64;
const productCount = 1_000;

const refoldName = 'Refold, GET /products/:id';
const bareName = 'bare Elysia, the same bytes';

/** One product by id, signed in, against a server that only answers the same bytes. */
export async function query(options: BenchOptions): Promise<Report> {
  const refold = await startRefold(options);
  const paths = await createProducts(refold, productCount);
  const bytes = await bodyOf(refold, paths[0]!);
  const bare = await startBareServer(bytes, options);
  const measured = await measureInRounds(
    [
      { name: refoldName, measure: gets(refold.server, paths, refold.headers, options) },
      { name: bareName, measure: gets(bare, paths, refold.headers, options) },
    ],
    options,
  );
  expectSameBytes(measured, Buffer.byteLength(bytes));
  return {
    title: 'query',
    unit: 'requests',
    measured,
    ratios: [{ of: refoldName, to: bareName, target: 0.3 }],
    notes: [
      `${connections} keep-alive connections, ${productCount} products in turn, every answer 200.`,
      `Both answer bodies of ${Buffer.byteLength(bytes)} bytes and are sent the same requests.`,
    ],
  };
}

async function bodyOf({ server, headers }: Refold, path: string) {
  const answer = await fetch(`http://${host}:${server.port}${path}`, { headers });
  return answer.text();
}

function startBareServer(bytes: string, options: BenchOptions) {
  const script = join(benchRoot, 'peers', 'bare-elysia.ts');
  const environment = { BODY: bytes, NODE_ENV: 'production' };
  return startServer({ name: 'bare Elysia', script, environment }, options);
}

function gets(
  { port }: Server,
  paths: readonly string[],
  headers: Readonly<Record<string, string>>,
  options: BenchOptions,
): (seconds: number) => Promise<LoadResult> {
  return (seconds) =>
    load({ method: 'GET', port, paths, headers, connections, seconds, expectStatus: 200 }, options);
}

function expectSameBytes(measured: readonly Measured[], length: number) {
  for (const { name, rounds } of measured) {
    for (const { bytesPerBody = 0 } of rounds) {
      if (Math.abs(bytesPerBody - length) < 0.01 * length) continue;
      throw new Error(`${name} answered ${bytesPerBody} bytes, expected ${length}`);
    }
  }
}
