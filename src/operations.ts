// What operators see of the read side, and what they can make it do.
import type { Logger } from 'pino';
import type { ProjectionControl, ProjectionView } from './http/admin.ts';
import type { Check } from './http/health.ts';
import type { Position } from './kernel/stream.ts';
import { projections } from './projections/index.ts';
import type { ReadSide } from './read-side.ts';

/** How far behind the read models may be and still be called ready, in events. */
const lagMax = 10_000;

type Head = () => Promise<Position>;

export function projectionControl(
  readSide: ReadSide,
  head: Head,
  logger: Logger,
): ProjectionControl {
  return {
    async list() {
      const newest = await head();
      return projections.map(({ name, version }) =>
        view(readSide, { name, version, head: newest }),
      );
    },
    async rebuild(name) {
      if (!projections.some((one) => one.name === name)) return 'unknown';
      if (readSide.rebuilding.has(name)) return 'running';
      return await new Promise((resolve, reject) => {
        readSide
          .rebuild([name], () => resolve('started'))
          .then(
            () => logger.info({ projection: name }, 'rebuilt'),
            (error: unknown) => {
              if (isRunningElsewhere(error)) return resolve('running');
              logger.error({ projection: name, err: error }, 'rebuild failed');
              reject(error); // of no account once it has begun
            },
          );
      });
    },
  };
}

function view(
  readSide: ReadSide,
  { name, version, head }: { name: string; version: number; head: Position },
): ProjectionView {
  const { positions, outdated, parked } = readSide.progress();
  const rebuilding = readSide.rebuilding.get(name);
  const position = positions[name] ?? 0;
  const reached = rebuilding?.position ?? position;
  const state = outdated.includes(name) ? 'outdated' : readSide.status().state;
  return {
    name,
    version,
    position,
    head,
    lag: Math.max(0, head - position),
    status: rebuilding ? 'rebuilding' : state,
    progress: head === 0 ? 1 : Math.min(1, reached / head),
    parked: parked
      .filter(({ projection }) => projection === name)
      .map(({ position, stream, type, time, reason }) => ({
        position,
        stream,
        type,
        time,
        reason,
      })),
  };
}

const isRunningElsewhere = (error: unknown) => (error as Error).name === 'RebuildRunning';

const pauseMs = 5_000;

/**
 * Rows that another version of a projection made answer until they are rebuilt; this does it, and tries again
 * after a while where it fails or another node is at it.
 * @param isShared Then rows of a later version are the business of the nodes that run it.
 * @returns What is to be called whenever there is progress.
 */
export function outdatedRebuilder(readSide: ReadSide, logger: Logger, isShared: boolean) {
  let pausesUntil = 0;

  return function rebuildOutdated(): void {
    const { outdated, overtaken } = readSide.progress();
    const names = outdated.filter((name) => !isShared || !overtaken.includes(name));
    const isBusy = names.some((name) => readSide.rebuilding.has(name));
    if (names.length === 0 || isBusy || performance.now() < pausesUntil) return;
    readSide
      .rebuild(names, () => logger.info({ projections: names }, 'rebuilding another version'))
      .then(
        () => logger.info({ projections: names }, 'rebuilt'),
        (error: unknown) => {
          pausesUntil = performance.now() + pauseMs;
          setTimeout(rebuildOutdated, pauseMs).unref();
          if (isRunningElsewhere(error)) return;
          logger.error({ projections: names, err: error }, 'rebuild failed');
        },
      );
  };
}

export type Others = {
  readonly writerFailure: () => Error | undefined;
  readonly others: readonly (() => Check)[];
};

export function readinessChecks(readSide: ReadSide, head: Head, { writerFailure, others }: Others) {
  return async (): Promise<Check[]> => {
    const failure = writerFailure();
    const { state, error } = readSide.status();
    const newest = await head().catch((reason: Error) => reason);
    if (newest instanceof Error) return [{ name: 'log', ok: false, message: newest.message }];
    const lag = newest - readSide.progress().applied;
    const isFollowing = state === 'live' || (state === 'catching-up' && lag <= lagMax);
    return [
      failure ? { name: 'log', ok: false, message: failure.message } : { name: 'log', ok: true },
      isFollowing && lag <= lagMax
        ? { name: 'read models', ok: true }
        : { name: 'read models', ok: false, message: error ?? `${state}, ${lag} events behind` },
      ...others.map((check) => check()),
    ];
  };
}
