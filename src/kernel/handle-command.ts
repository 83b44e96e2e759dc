// Load, decide, append: the only place where a decision meets a store.
import type { Claims, Decider } from './decider.ts';
import {
  type Append,
  type Appended,
  CommandIdReused,
  type Refused,
  VersionConflict,
} from './event-log.ts';
import type { EventStore } from './event-store.ts';
import type { DomainEvent, EventMetadata, Recorded } from './event.ts';
import { idOf, noEvents, type Position, type StreamName, type Version } from './stream.ts';
import type { Clock, NewId, Timestamp } from './time.ts';

const attemptsMax = 5;
/** No stream is ever at this version. */
const never = -1 as Version;

/** A stream folded to its newest event, with the places and times that every view needs. */
export type Folded<State> = {
  readonly state: State;
  readonly version: Version;
  readonly position: Position;
  /** Times of the first and the newest event; empty text for a stream without events. */
  readonly createdAt: Timestamp;
  readonly updatedAt: Timestamp;
};

/** Bounded; forgetting an entry costs a read, never an answer. */
export type StateCache = {
  readonly get: (stream: StreamName) => Folded<unknown> | undefined;
  /** Like `get`, but no use of the entry. */
  readonly peek: (stream: StreamName) => Folded<unknown> | undefined;
  readonly set: (stream: StreamName, folded: Folded<unknown>) => unknown;
  readonly delete: (stream: StreamName) => unknown;
};

export type CommandContext = EventMetadata & {
  /** Repeating a command with the same id is answered like the first and stores nothing. */
  readonly commandId?: string | undefined;
  /** Keyed digest of what is asked for, to notice the id of another command. */
  readonly fingerprint?: string | undefined;
  /** The version the caller saw; at any other the command is refused as `stale`. */
  readonly ifVersion?: Version | undefined;
  /** The caller has just made the id: there is nothing to load. */
  readonly isNew?: boolean;
};

export type Outcome<State, Rejection extends string> =
  | ({ readonly ok: true; readonly id: string; readonly isRepeated: boolean } & Folded<State>)
  | { readonly ok: false; readonly rejection: Rejection | 'stale' };

export type CommandHandlerParts = {
  readonly store: EventStore;
  readonly cache: StateCache;
  /** Whether other processes append to the log: then a state that is remembered may be an old one. */
  readonly isShared?: boolean;
  readonly clock: Clock;
  readonly newId: NewId;
  /** Keyed digest of a claim's value, so that no plaintext stands in the log. */
  readonly digest: (kind: string, value: string) => string;
};

/** Another stream, at the version that a command rests on. */
export type Premise = { readonly stream: StreamName; readonly version: Version };

/**
 * The handler of one decider's commands.
 * It throws `VersionConflict` when others kept appending first, `CommandIdReused` when the id is that of
 * another command, and `Overloaded` when the log's queue is full; everything the domain foresees is in the outcome.
 * @param restsOn What else must stand as it did when the command was decided; asked again after a conflict.
 */
export function commandHandler<State, Command, Event extends DomainEvent, Rejection extends string>(
  parts: CommandHandlerParts,
  decider: Decider<State, Command, Event, Rejection>,
  streamOf: (id: string) => StreamName,
  restsOn: (command: Command) => Promise<Premise | undefined> = async () => undefined,
) {
  const { store, cache, isShared = false } = parts;
  const turns = new Map<StreamName, Promise<unknown>>();

  const remembered = (stream: StreamName) => cache.get(stream) as Folded<State> | undefined;

  /** What the log holds at this moment or later. */
  async function load(stream: StreamName): Promise<Folded<State>> {
    const cached = remembered(stream);
    return cached && !isShared ? cached : await read(stream, cached);
  }

  /** @param cached What is known of the stream; its later events are read. */
  async function read(stream: StreamName, cached?: Folded<State>): Promise<Folded<State>> {
    const before = cached ?? empty(decider.initialState);
    const folded = await foldOn(decider, before, store.readStream(stream, before.version));
    if (folded !== cached && folded.version > 0) remember(stream, folded);
    return folded;
  }

  function remember(stream: StreamName, folded: Folded<State>): void {
    if ((cache.peek(stream)?.version ?? noEvents) < folded.version) cache.set(stream, folded);
  }

  /** Commands to one stream take turns here, so that only other processes can come between. */
  async function handle(
    id: string,
    command: Command,
    context: CommandContext,
  ): Promise<Outcome<State, Rejection>> {
    const stream = streamOf(id);
    const work = () => decideAndAppend(id, stream, command, context);
    if (context.isNew) return work();
    const turn = (turns.get(stream) ?? Promise.resolve()).then(work, work);
    turns.set(stream, turn);
    try {
      return await turn;
    } finally {
      if (turns.get(stream) === turn) turns.delete(stream);
    }
  }

  async function decideAndAppend(
    id: string,
    stream: StreamName,
    command: Command,
    context: CommandContext,
  ): Promise<Outcome<State, Rejection>> {
    for (let attempt = 1; ; attempt += 1) {
      const { before, decision } = await decide(stream, command, context);
      if (!decision.ok) return (await firstOutcome(stream, context)) ?? decision;
      if (decision.events.length === 0) return { ok: true, id, isRepeated: false, ...before };
      const premise = await restsOn(command);
      const intent = { stream, context, before, premise, ...decision };
      const outcome = await store.append(await toAppend(parts, intent));
      if (outcome.ok) {
        if (outcome.isRepeated) return repeated(outcome);
        const after = fold(decider, before, decision.events, outcome);
        // Most subjects are never changed again; the next command of one that is loads it.
        if (!context.isNew) remember(stream, after);
        return { ok: true, id, isRepeated: false, ...after };
      }
      if (outcome.reason === 'command-reused') throw new CommandIdReused();
      if (outcome.reason !== 'version') return refusal(outcome, decision.claims);
      cache.delete(outcome.stream);
      if (attempt === attemptsMax) {
        throw new VersionConflict(outcome.stream, outcome.expected, outcome.actual);
      }
    }
  }

  /**
   * Decides on what is remembered: the log finds out whether an append is based on too old a state. Where
   * there is nothing to append nobody would find out, so that is decided on what the log holds.
   */
  async function decide(
    stream: StreamName,
    command: Command,
    { isNew, ifVersion }: CommandContext,
  ) {
    const decideOn = (before: Folded<State>) => {
      const isStale = ifVersion !== undefined && before.version > 0 && ifVersion !== before.version;
      return { before, decision: isStale ? stale : decider.decide(command, before.state) };
    };
    if (isNew) return decideOn(empty(decider.initialState));
    const cached = remembered(stream);
    const decided = decideOn(cached ?? (await read(stream)));
    if (!cached || !isShared || appends(decided.decision)) return decided;
    return decideOn(await read(stream, cached));
  }

  /**
   * What refuses a command may be its own first run. The log looks at command ids before all else,
   * so an append that nothing else could let through tells.
   */
  async function firstOutcome(stream: StreamName, { commandId, fingerprint }: CommandContext) {
    if (commandId === undefined) return undefined;
    const outcome = await store.append({
      ...nothingBut({ commandId, fingerprint: fingerprint ?? null }),
      writes: [{ stream, expected: never, events: [] }],
      time: parts.clock.now(),
    });
    if (!outcome.ok && outcome.reason === 'command-reused') throw new CommandIdReused();
    return outcome.ok ? repeated(outcome) : undefined;
  }

  async function repeated({ stream }: Appended): Promise<Outcome<State, Rejection>> {
    return { ok: true, id: idOf(stream), isRepeated: true, ...(await load(stream)) };
  }

  return Object.assign(handle, {
    load: (id: string) => load(streamOf(id)),
    /** What is remembered, which may be an old state where others append too; else what the log holds. */
    recall: async (id: string) => remembered(streamOf(id)) ?? (await load(streamOf(id))),
  });
}

function nothingBut(identity: Pick<Append, 'commandId' | 'fingerprint'>) {
  return { ...identity, take: [], release: [], meta: '{}' };
}

const stale = { ok: false, rejection: 'stale' } as const;

function appends(decision: {
  readonly ok: boolean;
  readonly events?: readonly unknown[];
}): boolean {
  return decision.ok && decision.events!.length > 0;
}

type Intent<Rejection extends string> = {
  readonly stream: StreamName;
  readonly before: { readonly version: Version };
  readonly events: readonly DomainEvent[];
  readonly claims?: Claims<Rejection>;
  readonly context: CommandContext;
  readonly premise: Premise | undefined;
};

async function toAppend<Rejection extends string>(
  { store, clock, newId, digest }: CommandHandlerParts,
  { stream, before, events, claims, context, premise }: Intent<Rejection>,
): Promise<Append> {
  const { actorId, correlationId, causationId, commandId = null, fingerprint = null } = context;
  const encoded = [];
  for (const event of events) {
    encoded.push(await store.registry.encode(event, { id: newId(), stream }, store.keyring));
  }
  const claim = ({ kind, value }: { kind: string; value: string }) => ({
    kind,
    key: digest(kind, value),
    stream,
  });
  const unchanged = premise
    ? [{ stream: premise.stream, expected: premise.version, events: [] }]
    : [];
  return {
    commandId,
    fingerprint,
    writes: [{ stream, expected: before.version || 'none', events: encoded }, ...unchanged],
    take: claims?.take?.map(claim) ?? [],
    release: claims?.release?.map((one) => ({ ...claim(one), keepsOne: 'orElse' in one })) ?? [],
    meta: JSON.stringify({ actorId, correlationId, causationId }),
    time: clock.now(),
  };
}

/** Answers with the rejection that the decider tied to the claim it did not get. */
function refusal<Rejection extends string>(
  refused: Extract<Refused, { reason: 'claim-taken' | 'last-claim' }>,
  claims: Claims<Rejection> | undefined,
) {
  const candidates = refused.reason === 'claim-taken' ? claims?.take : claims?.release;
  const rejection = candidates?.find(({ kind }) => kind === refused.kind)?.orElse;
  if (rejection === undefined)
    throw new Error(`The log refused a claim nobody made: ${refused.kind}`);
  return { ok: false, rejection } as const;
}

function fold<State, Event extends DomainEvent>(
  { evolve }: { readonly evolve: (state: State, event: Event) => State },
  before: Folded<State>,
  events: readonly Event[],
  { position, version, time }: Appended,
): Folded<State> {
  const state = events.reduce(evolve, before.state);
  return { state, version, position, createdAt: before.createdAt || time, updatedAt: time };
}

async function foldOn<State, Event extends DomainEvent>(
  { evolve }: { readonly evolve: (state: State, event: Event) => State },
  before: Folded<State>,
  events: AsyncIterable<Recorded>,
): Promise<Folded<State>> {
  let folded = before;
  for await (const event of events) {
    folded = {
      state: evolve(folded.state, event as unknown as Event),
      version: event.version,
      position: event.position,
      createdAt: folded.createdAt || event.time,
      updatedAt: event.time,
    };
  }
  return folded;
}

function empty<State>(state: State): Folded<State> {
  return { state, version: noEvents, position: 0 as Position, createdAt: '', updatedAt: '' };
}
