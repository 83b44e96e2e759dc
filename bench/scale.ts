import { startPostgres } from '../scripts/postgres.ts';
import { provideRedis } from '../scripts/redis.ts';
import { freshDatabase } from '../src/testing/postgres.ts';
import { startRedis } from '../src/testing/redis.ts';
import { load, runPeer, type Server } from './children.ts';
import { atTheEnd } from './cleanup.ts';
import type { LoadResult } from './load-specification.ts';
import type { BenchOptions } from './options.ts';
import { createProducts, productBody, refoldScript, startNodes, startRefold } from './refold.ts';
import type { Report } from './report.ts';
import { measureInRounds, type Variant } from './rounds.ts';

const connections = 64;
/** So many that batches fill while others are on their way to the disk. */
const creating = 256;
const nodesMax = 3;
const productCount = 1_000;

const rawName = 'postgres.js, no HTTP, 64 a statement';
const nodesName = (count: number) =>
  `Refold on PostgreSQL, ${count} ${count === 1 ? 'node' : 'nodes'}`;

/** Durable creates over HTTP with one, two and three nodes, against bare inserts of the same rows. */
export async function scale(options: BenchOptions): Promise<Report> {
  await provideDatabases();
  const variants: Variant[] = [];
  for (let count = 1; count <= nodesMax; count += 1) {
    const { url } = await freshDatabase();
    const { servers, headers } = await startNodes(count, { DATABASE_URL: url }, options);
    const measure = (seconds: number) =>
      together(servers, ({ port }, share) => {
        const body = productBody(`BENCH-${crypto.randomUUID().slice(0, 8)}`);
        const post = { method: 'POST', paths: ['/products'], expectStatus: 201 } as const;
        return load({ ...post, port, headers, body, connections: share, seconds }, options);
      });
    variants.push({ name: nodesName(count), measure });
  }
  const { url } = await freshDatabase();
  const measure = (seconds: number) =>
    runPeer<LoadResult>(
      'raw-postgres.ts',
      { DATABASE_URL: url, SECONDS: String(seconds) },
      options,
    );
  variants.push({ name: rawName, measure });
  const counts = Array.from({ length: nodesMax }, (_, index) => index + 1);
  return {
    title: 'scale',
    unit: 'requests',
    measured: await measureInRounds(variants, options),
    ratios: counts.map((count) => ({ of: nodesName(count), to: rawName, target: 0.5 })),
    notes: [
      `${creating} keep-alive connections in all, one product a request, every sku distinct, every answer 201.`,
      'PostgreSQL waits for the disk at each commit (fsync on), on this machine too, as do nodes and load.',
      'The bare inserts are the rows of the event and of its claim, from one connection.',
    ],
  };
}

const cachedName = 'Refold on PostgreSQL, with Redis';
const uncachedName = 'Refold on PostgreSQL, without a cache';
const sqliteName = 'Refold on SQLite';

/** One product by id: from a cached answer, from rows in PostgreSQL, and from rows in SQLite. */
export async function cachedQuery(options: BenchOptions): Promise<Report> {
  await provideDatabases();
  await provideRedis();
  const redis = await startRedis();
  atTheEnd(redis.stop);
  const [one, other] = [await freshDatabase(), await freshDatabase()];
  const places = {
    [cachedName]: { DATABASE_URL: one.url, REDIS_URL: redis.url },
    [uncachedName]: { DATABASE_URL: other.url },
    [sqliteName]: {},
  };
  const variants: Variant[] = [];
  for (const [name, extra] of Object.entries(places)) {
    const { server, headers } = await startRefold(options, { script: refoldScript, extra });
    const paths = await createProducts({ server, headers }, productCount);
    const specification = { method: 'GET', port: server.port, paths, headers } as const;
    const measure = (seconds: number) =>
      load({ ...specification, connections, seconds, expectStatus: 200 }, options);
    variants.push({ name, measure });
  }
  return {
    title: 'cache',
    unit: 'requests',
    measured: await measureInRounds(variants, options),
    ratios: [
      { of: cachedName, to: uncachedName },
      { of: cachedName, to: sqliteName },
      { of: uncachedName, to: sqliteName },
    ],
    notes: [
      `${connections} keep-alive connections, ${productCount} products in turn, every answer 200.`,
    ],
  };
}

/** One server for all databases of a run. */
async function provideDatabases(): Promise<void> {
  if (process.env['TEST_POSTGRES_URL']) return;
  const { url, stop } = await startPostgres(true);
  process.env['TEST_POSTGRES_URL'] = url;
  atTheEnd(async () => {
    delete process.env['TEST_POSTGRES_URL'];
    await stop();
  });
}

/** All of them at the same time, with an equal share of the connections. */
async function together(
  servers: readonly Server[],
  measure: (server: Server, connections: number) => Promise<LoadResult>,
): Promise<LoadResult> {
  const share = Math.floor(creating / servers.length);
  const results = await Promise.all(servers.map((server) => measure(server, share)));
  const sum = (pick: (result: LoadResult) => number) =>
    results.reduce((total, result) => total + pick(result), 0);
  const worst = (pick: (result: LoadResult) => number | undefined) =>
    Math.max(...results.map((result) => pick(result) ?? 0));
  return {
    requests: sum(({ requests }) => requests),
    perSecond: sum(({ perSecond }) => perSecond),
    p50Ms: worst(({ p50Ms }) => p50Ms),
    p99Ms: worst(({ p99Ms }) => p99Ms),
  };
}
