import { Database } from 'bun:sqlite';
import { join } from 'node:path';
import { load, runPeer } from './children.ts';
import { temporaryDirectory } from './cleanup.ts';
import type { LoadResult } from './load-specification.ts';
import type { BenchOptions } from './options.ts';
import { productBody, type Refold, startRefold } from './refold.ts';
import type { Report } from './report.ts';
import { measureInRounds, type Variant } from './rounds.ts';
import { rebuildWithRefold } from './replay-refold.ts';

const connections = 64;
const fillSeconds = 2;

const refoldName = 'Refold, rebuild of all read models';
const bareName = 'bare loop: read, parse, insert';

/** A rebuild of every read model against the least that reads the same log into one table. */
export async function replay(options: BenchOptions): Promise<Report> {
  const refold = await startRefold(options);
  const logFile = join(refold.dataDirectory, 'log.db');
  const eventCount = await fillLog(refold, logFile, options);
  await refold.server.stop();
  const measured = await measureInRounds(variants(refold, logFile, options), options);
  return {
    title: 'replay',
    unit: 'events',
    measured,
    ratios: [{ of: refoldName, to: bareName, target: 0.3 }],
    notes: [
      `A log of ${eventCount.toLocaleString('en')} events, written through HTTP, read in every round to its end.`,
      'The bare loop reads pages of 1000, parses data only, fills one table without indexes, and commits every 1000 rows with synchronous=NORMAL.',
    ],
  };
}

function variants(refold: Refold, logFile: string, options: BenchOptions): Variant[] {
  const bare = { name: bareName, measure: () => bareLoop(logFile, options) };
  return [{ name: refoldName, measure: () => rebuildWithRefold(refold, options) }, bare];
}

async function fillLog({ server, headers }: Refold, logFile: string, options: BenchOptions) {
  let count = countEvents(logFile);
  while (count < options.events) {
    const body = productBody(`REPLAY-${crypto.randomUUID().slice(0, 8)}`);
    const request = { method: 'POST', paths: ['/products'], headers, body } as const;
    const target = { port: server.port, connections, seconds: fillSeconds, expectStatus: 201 };
    await load({ ...request, ...target }, options);
    count = countEvents(logFile);
    console.error(`replay: ${count} of ${options.events} events in the log`);
  }
  return count;
}

function bareLoop(logFile: string, options: BenchOptions) {
  const readModelFile = join(temporaryDirectory(), 'read-model.db');
  const environment = { LOG: logFile, READ_MODEL: readModelFile };
  return runPeer<LoadResult>('bare-replay.ts', environment, options);
}

function countEvents(file: string) {
  const database = new Database(file, { readonly: true });
  const row = database.query('SELECT count(*) AS count FROM events').get() as { count: number };
  database.close();
  return row.count;
}
