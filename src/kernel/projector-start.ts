// How a projector begins: checkpoints, versions, and another chance for what is parked.
import type { EventLog, StoredEvent } from './event-log.ts';
import type { Keyring } from './keyring.ts';
import type { Projection } from './projection.ts';
import { type Versions, versionsIn } from './progress.ts';
import { CheckpointMoved, type ParkedEvent, type ReadModel, type Step } from './read-model.ts';
import type { EventRegistry } from './registry.ts';
import { logStart, type Position } from './stream.ts';
import { FatalFailure } from './subscription.ts';

/** The log ends before a position that was projected already: it has lost events. */
export class LogShortened extends FatalFailure {
  override readonly name = 'LogShortened';
  constructor(projection: string, applied: Position, head: Position) {
    super(
      `The log ends at position ${head}, but ${projection} has applied ${applied}: the log has lost events.`,
    );
  }
}

export type StartParts = {
  readonly log: Pick<EventLog, 'readAll' | 'readStream' | 'head'>;
  readonly registry: EventRegistry;
  readonly keyring: Keyring;
  readonly readModel: ReadModel;
  readonly projections: readonly Projection[];
};

export type Running = {
  readonly projection: Projection;
  readonly build: string;
  position: Position;
  parked: ParkedEvent[];
};

type Started = Versions & { readonly running: Running[] };

/** Projections whose rows are of another version are left alone: they need a rebuild. */
export async function startProjections(parts: StartParts): Promise<Started> {
  const { projections, readModel } = parts;
  for (const { name, version } of projections) await readModel.begin(name, version);
  const checkpoints = await readModel.checkpoints();
  const parked = await readModel.parked();
  const isCurrent = ({ name, version }: Projection) => checkpoints.get(name)?.version === version;
  const started = projections.filter(isCurrent).map((projection) => ({
    projection,
    position: checkpoints.get(projection.name)?.position ?? logStart,
    parked: parked.filter((one) => one.projection === projection.name),
  }));
  await refuseShortenedLog(parts);
  for (const one of started) await retryParked(parts, one);
  const builds = await readModel.checkpoints();
  const running = started.map((one) =>
    Object.assign(one, { build: builds.get(one.projection.name)?.build ?? '' }),
  );
  return { running, ...versionsIn(checkpoints, projections) };
}

/**
 * To be asked before anything is appended, too: a log that grows again hides what it has lost.
 * @throws LogShortened
 */
export async function refuseShortenedLog({
  log,
  readModel,
}: Pick<StartParts, 'log' | 'readModel'>): Promise<void> {
  const checkpoints = await readModel.checkpoints();
  const head = await log.head();
  for (const [projection, { position }] of checkpoints) {
    if (position > head) throw new LogShortened(projection, position, head);
  }
}

/** Parked events get another chance whenever a projector starts, in the order of the log. */
async function retryParked(
  { log, registry, keyring, readModel }: StartParts,
  one: Omit<Running, 'build'>,
): Promise<void> {
  const stillParked = new Set<string>();
  for (const parked of one.parked.slice()) {
    if (stillParked.has(parked.stream)) continue;
    const [event] = await log.readAll((parked.position - 1) as Position, 1);
    if (!event) continue;
    try {
      const [decoded] = await registry.decode([event], keyring);
      const step = toStep(event, one.projection.changesOf(decoded!));
      const { position } = one;
      await readModel.apply([
        {
          projection: one.projection.name,
          from: position,
          to: position,
          steps: [step],
          parked: [],
          unparked: [event.position],
        },
      ]);
      one.parked.splice(one.parked.indexOf(parked), 1);
    } catch (error) {
      if (error instanceof CheckpointMoved) throw error;
      stillParked.add(parked.stream);
    }
  }
}

export function toStep(event: StoredEvent, changes: Step['changes']): Step {
  const { position, stream, type, time } = event;
  return { position, stream, type, time, changes };
}
