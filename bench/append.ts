import { Database } from 'bun:sqlite';
import { join } from 'node:path';
import { benchRoot, load, runPeer, type Server, startServer } from './children.ts';
import { temporaryDirectory } from './cleanup.ts';
import type { LoadResult } from './load-specification.ts';
import type { BenchOptions } from './options.ts';
import { productBody, startRefold } from './refold.ts';
import type { Report } from './report.ts';
import { type Measured, measureInRounds, type Variant } from './rounds.ts';

const connections = 64;

const refoldName = 'Refold, POST /products';
const healthName = 'Refold, GET /health';
const emmettName = 'Emmett, its default connections';
const emmettKeptName = 'Emmett, one kept connection';
const rawHttpName = 'bun:sqlite behind a bare Elysia route';
const rawName = 'bun:sqlite, no HTTP, 64 a transaction';

type Store = { readonly variant: Variant; readonly stored: () => number };

/** Durable creates over HTTP against the same server idle, Emmett, and raw bun:sqlite. */
export async function append(options: BenchOptions): Promise<Report> {
  const refold = await startRefold(options);
  const stores = [
    refoldStore(refold.server, refold.headers, join(refold.dataDirectory, 'log.db'), options),
    await peerStore({ name: emmettName, ...emmett, environment: { CONNECTION: 'each' } }, options),
    await peerStore(
      { name: emmettKeptName, ...emmett, environment: { CONNECTION: 'kept' } },
      options,
    ),
    await peerStore({ name: rawHttpName, script: 'raw-sqlite-http.ts', table: 'events' }, options),
    rawStore(options),
  ];
  const health = healthVariant(refold.server, options);
  const measured = await measureInRounds(
    [health, ...stores.map(({ variant }) => variant)],
    options,
  );
  stores.forEach((store) => expectStored(store, measured));
  return {
    title: 'append',
    unit: 'requests',
    measured,
    ratios: [
      { of: refoldName, to: healthName, target: 0.2 },
      { of: refoldName, to: emmettName, target: 15 },
      { of: refoldName, to: emmettKeptName },
      { of: refoldName, to: rawHttpName },
      { of: refoldName, to: rawName },
    ],
    notes: [
      `${connections} keep-alive connections, one product a request, every sku distinct, every answer 201.`,
      'All stores are durable before they answer: WAL and synchronous=FULL.',
      'Emmett appends one at a time; its concurrent appends fail or are answered before the commit.',
      'No variant but Refold checks a token, a unique sku or a role, or keeps a read model.',
      'After the run every store held at least as many events as it had acknowledged.',
    ],
  };
}

function healthVariant(server: Server, options: BenchOptions): Variant {
  const request = { method: 'GET', paths: ['/health'], headers: {}, expectStatus: 200 } as const;
  return {
    name: healthName,
    measure: (seconds) => load({ ...request, port: server.port, connections, seconds }, options),
  };
}

function refoldStore(
  server: Server,
  headers: Readonly<Record<string, string>>,
  file: string,
  options: BenchOptions,
): Store {
  const variant = { name: refoldName, measure: creates(server, headers, options) };
  return { variant, stored: () => countEvents(file, "events WHERE type = 'ProductCreated'") };
}

type Peer = {
  readonly name: string;
  readonly script: string;
  /** Where it keeps its events. */
  readonly table: string;
  readonly environment?: Readonly<Record<string, string>>;
};

const emmett = { script: 'emmett.ts', table: 'emt_messages' } as const;

async function peerStore(
  { name, script, table, environment = {} }: Peer,
  options: BenchOptions,
): Promise<Store> {
  const file = join(temporaryDirectory(), 'log.db');
  const server = await startServer(
    {
      name,
      script: join(benchRoot, 'peers', script),
      environment: { ...environment, DATABASE: file, NODE_ENV: 'production' },
    },
    options,
  );
  const variant = { name, measure: creates(server, {}, options) };
  return { variant, stored: () => countEvents(file, table) };
}

function rawStore(options: BenchOptions): Store {
  const file = join(temporaryDirectory(), 'log.db');
  const measure = (seconds: number) =>
    runPeer<LoadResult>(
      'raw-sqlite.ts',
      { DATABASE: file, SECONDS: String(seconds), RUN: crypto.randomUUID().slice(0, 8) },
      options,
    );
  return { variant: { name: rawName, measure }, stored: () => countEvents(file, 'events') };
}

function creates(server: Server, headers: Readonly<Record<string, string>>, options: BenchOptions) {
  return (seconds: number) => {
    const body = productBody(`BENCH-${crypto.randomUUID().slice(0, 8)}`);
    const { port } = server;
    const request = { method: 'POST', paths: ['/products'], expectStatus: 201 } as const;
    return load({ ...request, port, headers, body, connections, seconds }, options);
  };
}

function expectStored({ variant: { name }, stored }: Store, measured: readonly Measured[]) {
  const acknowledged = measured.find((one) => one.name === name)!.acknowledged;
  const count = stored();
  if (count < acknowledged) {
    throw new Error(`${name} acknowledged ${acknowledged} events and stored ${count}`);
  }
}

function countEvents(file: string, table: string) {
  const database = new Database(file, { readonly: true });
  const row = database.query(`SELECT count(*) AS count FROM ${table}`).get() as { count: number };
  database.close();
  return row.count;
}
