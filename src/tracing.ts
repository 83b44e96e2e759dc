// Whether spans are made: ports are wrapped when the application is put together, and not at all where
// nobody collects them.
import { version } from '../package.json';
import type { Logger } from 'pino';
import type { Commands } from './commands/index.ts';
import type { Config } from './config.ts';
import type { Freshness } from './http/freshness.ts';
import type { CountRequest } from './http/requests.ts';
import type { EventLog } from './kernel/event-log.ts';
import type { EventStore } from './kernel/event-store.ts';
import type { ReadQueries } from './queries/cached.ts';

/** Stands around the answering of a request. */
export type Around = (
  answer: (...given: unknown[]) => unknown,
  request: Request,
) => (...given: unknown[]) => unknown;

/** Each gives the same part back, traced. */
export type Tracing = {
  readonly log: (log: EventLog) => EventLog;
  readonly store: (store: EventStore) => EventStore;
  readonly commands: (commands: Commands) => Commands;
  readonly queries: (queries: ReadQueries) => ReadQueries;
  readonly freshness: (freshness: Freshness) => Freshness;
  readonly countRequest: (count: CountRequest) => CountRequest;
  /** Undefined: requests are answered as they are. */
  readonly around: Around | undefined;
  /** Sends what is left, as far as that goes in the time there is. */
  readonly stop: () => Promise<void>;
};

const same = <Part>(part: Part) => part;

const untraced: Tracing = {
  log: same,
  store: same,
  commands: same,
  queries: same,
  freshness: same,
  countRequest: same,
  around: undefined,
  stop: async () => {},
};

export async function openTracing(
  { tracesUrl, database }: Pick<Config, 'tracesUrl' | 'database'>,
  logger: Logger,
): Promise<Tracing> {
  if (tracesUrl === undefined) return untraced;
  const { createTracing } = await import('./traces.ts');
  return createTracing({ url: tracesUrl, engine: database.engine, version, logger });
}
