// Opens the read side of the configured engine: the projector, the queries on its rows, and which reads wait.
import { join } from 'node:path';
import { drizzle } from 'drizzle-orm/bun-sqlite';
import type { Logger } from 'pino';
import type { Config } from './config.ts';
import { createFreshness, type Freshness } from './http/freshness.ts';
import { createSharedFreshness } from './http/shared-freshness.ts';
import { endless } from './kernel/progress.ts';
import { logStart, type Position } from './kernel/stream.ts';
import { outdatedRebuilder } from './operations.ts';
import type { ReadSideSettings } from './projector-worker.ts';
import { projections } from './projections/index.ts';
import { readModelSchema } from './projections/twins.ts';
import { sqliteReads } from './queries/engines.ts';
import { createQueries, type Queries } from './queries/index.ts';
import { openReadSide, type ReadSide } from './read-side.ts';
import { openSnapshots } from './storage/sqlite/snapshots.ts';
import type { Nodes, Stores } from './stores.ts';

export type Reads = {
  readonly readSide: ReadSide;
  readonly queries: Queries;
  readonly freshness: Freshness;
  /** How far rows have come as far as whoever was let in to read knows. */
  readonly appliedAtLeast: () => Position;
  /** To be called right before a query reads. */
  readonly enter: () => void;
  readonly closeReads: () => Promise<void>;
};

type Settings = Pick<Config, 'database' | 'dataDirectory'> & {
  readonly cryptoSecrets: readonly string[];
};

export async function openReads(
  settings: Settings,
  { log, nodes }: Pick<Stores, 'log' | 'nodes'>,
  logger: Logger,
): Promise<Reads> {
  let isStopping = false;
  const head = await log.head();
  const readSide = await openReadSide(readSideSettings(settings), head, (status) => {
    const isAsExpected = status.state === 'live' || isStopping;
    logger[isAsExpected ? 'debug' : 'warn'](status, 'projector');
  });
  const opened = nodes
    ? await openShared(settings, { readSide, nodes, head })
    : openOwn(settings, readSide, head);
  const { rowsHaveMoved, close, ...reads } = opened;
  const rebuildOutdated = outdatedRebuilder(readSide, logger, nodes !== undefined);
  readSide.onProgress(() => {
    rowsHaveMoved();
    rebuildOutdated();
  });
  return {
    ...reads,
    readSide,
    async closeReads() {
      isStopping = true;
      await readSide.close();
      await close();
    },
  };
}

export function readSideSettings(settings: Settings): ReadSideSettings {
  const { database, dataDirectory: directory, cryptoSecrets } = settings;
  return {
    ...(database.engine === 'sqlite' ? { engine: 'sqlite', directory } : database),
    cryptoSecrets,
  };
}

type Opened = Pick<Reads, 'queries' | 'freshness' | 'appliedAtLeast' | 'enter'> & {
  readonly rowsHaveMoved: () => void;
  readonly close: () => Promise<void>;
};

function openOwn({ dataDirectory }: Settings, readSide: ReadSide, head: Position): Opened {
  const { database, enter, leave, close } = openSnapshots(join(dataDirectory, 'read-model.db'));
  return {
    queries: createQueries(sqliteReads(drizzle(database))),
    freshness: createFreshness({ ...readSide, enter }, head),
    appliedAtLeast: () => logStart, // a read waits until this process has been told
    enter,
    rowsHaveMoved: leave,
    close: async () => close(),
  };
}

type SharedParts = {
  readonly readSide: ReadSide;
  readonly nodes: Nodes;
  readonly head: Position;
};

async function openShared(
  { database }: Settings,
  { readSide, nodes, head }: SharedParts,
): Promise<Opened> {
  if (database.engine !== 'postgres') throw new Error(`No node shares ${database.engine}.`);
  const { openPostgresReads } = await import('./postgres-rows.ts');
  const { queries, close } = openPostgresReads(database.url);
  const enter = () => {};
  const ask = nodes.standings.of({ schema: readModelSchema, projections }, endless);
  let known = 0 as Position;
  const standing = async () => {
    const now = await ask();
    if (now.applied > known && now.applied !== endless) known = now.applied;
    return now;
  };
  const { newestBy } = nodes.standings;
  const freshness = createSharedFreshness({ ...readSide, enter, standing, newestBy }, head);
  return { queries, freshness, appliedAtLeast: () => known, enter, rowsHaveMoved() {}, close };
}
