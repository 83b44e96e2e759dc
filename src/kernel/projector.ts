// Feeds projections from the log: reads a page, decodes it once for all of them, and applies their
// changes with their checkpoints in one transaction. A poison event parks itself and the later
// events of its stream, for that projection only; other streams go on. An event that erases a person is
// never parked: it takes the place of whatever was parked of its stream, which nobody can read any more.
import type { StoredEvent } from './event-log.ts';
import type { Recorded } from './event.ts';
import {
  CheckpointMoved,
  erases,
  type ParkedEvent,
  type ProjectionBatch,
  type Step,
  UnappliableStep,
} from './read-model.ts';
import { endless, lowest, type Progress } from './progress.ts';
import { type Running, type StartParts, startProjections, toStep } from './projector-start.ts';
import type { Position } from './stream.ts';

const pageSizeUsual = 1_000;

export type ProjectorParts = StartParts & {
  /** Events a transaction; a rebuild takes more, because nobody waits for it. */
  readonly pageSize?: number;
  /** Called after each commit, and whenever an event is parked. */
  readonly onProgress?: (progress: Progress) => void;
};

type Decode = (event: StoredEvent) => Recorded;

export type Projector = ReturnType<typeof createProjector>;

export function createProjector(parts: ProjectorParts) {
  const { log, registry, keyring, readModel, pageSize = pageSizeUsual } = parts;
  let running: Running[] | undefined;
  let outdated: readonly string[] = [];
  let overtaken: readonly string[] = [];

  async function start(): Promise<Running[]> {
    const started = await startProjections(parts);
    ({ outdated, overtaken } = started);
    return started.running;
  }

  /** Handles one page; answers whether more may be waiting. */
  async function advance(to: Position = Infinity as Position): Promise<boolean> {
    const isFirst = running === undefined;
    const active = (running ??= await start());
    const from = lowest(active);
    const stored = from === undefined || from >= to ? [] : await log.readAll(from, pageSize);
    const page = stored.filter(({ position }) => position <= to);
    const isReplaced = page.length > 0 && (await applyPage(active, page));
    const hasMore = stored.length === pageSize && page.length === stored.length;
    try {
      if (!hasMore) await readModel.tidy?.();
    } finally {
      if (page.length > 0 || isFirst) report();
      if (isReplaced) running = undefined;
    }
    return hasMore;
  }

  /** Answers whether rows have become others than those it went on with: something parked was made good. */
  async function applyPage(active: Running[], page: readonly StoredEvent[]): Promise<boolean> {
    const last = page.at(-1)!.position;
    const wanted = page.filter(({ type }) =>
      active.some((one) => one.projection.handles.has(type)),
    );
    const decode = memoised(await registry.decoder(wanted, keyring));
    let batches = active
      .filter(({ position }) => position < last)
      .map((one) => toBatch(one, { events: page, decode, isErasing, to: last }));
    for (;;) {
      try {
        await readModel.apply(batches);
        break;
      } catch (error) {
        if (error instanceof CheckpointMoved) running = undefined;
        if (!(error instanceof UnappliableStep)) throw error;
        batches = batches.map((batch) =>
          batch.projection === error.projection ? parkStep(batch, error) : batch,
        );
      }
    }
    for (const { projection, to, parked, unparked } of batches) {
      const one = active.find((candidate) => candidate.projection.name === projection)!;
      one.position = to;
      one.parked = [
        ...one.parked.filter(({ position }) => !unparked.includes(position)),
        ...parked,
      ];
    }
    return batches.some(({ unparked }) => unparked.length > 0);
  }

  const isErasing = (type: string) => registry.definitionOf(type).erases !== undefined;

  function report() {
    const active = running ?? [];
    parts.onProgress?.({
      applied: lowest(active) ?? endless,
      positions: Object.fromEntries(
        active.map(({ projection, position }) => [projection.name, position]),
      ),
      builds: Object.fromEntries(active.map(({ projection, build }) => [projection.name, build])),
      outdated,
      overtaken,
      parked: active.flatMap(({ parked }) => parked),
    });
  }

  return {
    advance: () => advance(),
    advanceTo: advance,
    /** Reads checkpoints and parked events anew before the next page: a rebuild has replaced them. */
    reload() {
      running = undefined;
    },
  };
}

type Page = {
  readonly events: readonly StoredEvent[];
  readonly decode: Decode;
  readonly isErasing: (type: string) => boolean;
  readonly to: Position;
};

function toBatch(
  { projection, position, build, parked }: Running,
  { events, decode, isErasing, to }: Page,
): ProjectionBatch {
  const steps: Step[] = [];
  const unparked: Position[] = [];
  let newlyParked: ParkedEvent[] = [];
  const parkedStreams = new Set(parked.map(({ stream }) => stream as string));
  for (const event of events) {
    if (event.position <= position || !projection.handles.has(event.type)) continue;
    if (parkedStreams.has(event.stream) && isErasing(event.type)) {
      unparked.push(...parked.filter(isOf(event)).map((one) => one.position));
      newlyParked = newlyParked.filter((one) => !isOf(event)(one));
      parkedStreams.delete(event.stream);
    }
    if (parkedStreams.has(event.stream)) {
      newlyParked.push(
        toParked(projection.name, event, 'An earlier event of this stream is parked.'),
      );
      continue;
    }
    try {
      steps.push(toStep(event, projection.changesOf(decode(event))));
    } catch (error) {
      parkedStreams.add(event.stream);
      newlyParked.push(toParked(projection.name, event, String(error)));
    }
  }
  const { name } = projection;
  return { projection: name, from: position, to, build, steps, parked: newlyParked, unparked };
}

function isOf({ stream }: { readonly stream: string }) {
  return (one: { readonly stream: string }) => one.stream === stream;
}

function toParked(projection: string, event: Omit<Step, 'changes'>, reason: string): ParkedEvent {
  const { position, stream, type, time } = event;
  return { projection, position, stream, type, time, reason };
}

/** Takes the refused step and the later ones of its stream out of a batch and parks them. */
function parkStep(batch: ProjectionBatch, refused: UnappliableStep): ProjectionBatch {
  const poison = batch.steps.find(({ position }) => position === refused.position);
  if (!poison) throw refused;
  const erasure = batch.steps.find(
    (step) => isOf(poison)(step) && step !== poison && erases({ steps: [step] }),
  );
  const until = erasure?.position ?? Number.POSITIVE_INFINITY;
  const isParked = ({ stream, position }: Step) =>
    stream === poison.stream && position >= poison.position && position < until;
  const reasonOf = (step: Step) =>
    step === poison ? refused.reason : 'An earlier event of this stream is parked.';
  const taken = erasure ? [] : batch.steps.filter(isParked);
  const parked = taken.map((step) => toParked(batch.projection, step, reasonOf(step)));
  return {
    ...batch,
    steps: batch.steps.filter((step) => !isParked(step)),
    parked: [...batch.parked, ...parked].toSorted((a, b) => a.position - b.position),
  };
}

/** Decodes each event once for all projections; a broken event throws for each that handles it. */
function memoised(decode: Decode): Decode {
  const decoded = new Map<StoredEvent, Recorded>();
  return (event) => {
    const known = decoded.get(event);
    if (known) return known;
    const fresh = decode(event);
    decoded.set(event, fresh);
    return fresh;
  };
}
