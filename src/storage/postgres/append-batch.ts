// A batch of appends as the arrays that the function `log.append` takes; see its migration for what they mean.
import type { Append, AppendOutcome, ExpectedVersion, Write } from '../../kernel/event-log.ts';
import type { Position, StreamName, Version } from '../../kernel/stream.ts';

/** An array for each parameter of `log.append` after the writer, its batch and the ends of the groups. */
export const batchColumns = [
  'commandIds',
  'fingerprints',
  'metas',
  'times',
  'eventCounts',
  'firstWrites',
  'writeAppends',
  'writeStreams',
  'writeExpected',
  'writeCounts',
  'eventWrites',
  'eventOrdinals',
  'eventIds',
  'eventTypes',
  'eventSchemaVersions',
  'eventData',
  'takeAppends',
  'takeKinds',
  'takeKeys',
  'takeStreams',
  'releaseAppends',
  'releaseKinds',
  'releaseKeys',
  'releaseStreams',
  'releaseKeepsOne',
] as const;

type Value = string | number | null;
type Arrays = Record<(typeof batchColumns)[number], Value[]>;

export function arraysOf(appends: readonly Append[]): Arrays {
  const arrays = Object.fromEntries(batchColumns.map((name) => [name, [] as Value[]])) as Arrays;
  appends.forEach((append, index) => addAppend(arrays, append, index + 1));
  return arrays;
}

function addAppend(arrays: Arrays, append: Append, number: number) {
  arrays.commandIds.push(append.commandId);
  arrays.fingerprints.push(append.fingerprint);
  arrays.metas.push(append.meta);
  arrays.times.push(append.time);
  arrays.eventCounts.push(append.writes.reduce((sum, { events }) => sum + events.length, 0));
  arrays.firstWrites.push(arrays.writeAppends.length + 1);
  for (const write of append.writes) addWrite(arrays, write, number);
  for (const { kind, key, stream } of append.take) {
    arrays.takeAppends.push(number);
    arrays.takeKinds.push(kind);
    arrays.takeKeys.push(key);
    arrays.takeStreams.push(stream);
  }
  for (const { kind, key, stream, keepsOne } of append.release) {
    arrays.releaseAppends.push(number);
    arrays.releaseKinds.push(kind);
    arrays.releaseKeys.push(key);
    arrays.releaseStreams.push(stream);
    arrays.releaseKeepsOne.push(Number(keepsOne));
  }
}

function addWrite(arrays: Arrays, { stream, expected, events }: Write, append: number) {
  arrays.writeAppends.push(append);
  arrays.writeStreams.push(stream);
  arrays.writeExpected.push(expectedNumber(expected));
  arrays.writeCounts.push(events.length);
  const number = arrays.writeAppends.length;
  events.forEach((event, index) => {
    arrays.eventWrites.push(number);
    arrays.eventOrdinals.push(index + 1);
    arrays.eventIds.push(event.id);
    arrays.eventTypes.push(event.type);
    arrays.eventSchemaVersions.push(event.schemaVersion);
    arrays.eventData.push(event.data);
  });
}

/** The largest `integer`: no stream is as long. */
const noVersion = 2_147_483_647;

/** In the words of `log.append`, which has its own below zero: no stream is at such a version. */
function expectedNumber(expected: ExpectedVersion): number {
  switch (expected) {
    case 'any':
      return -1;
    case 'exists':
      return -2;
    case 'none':
      return 0;
    default:
      return expected < 0 ? noVersion : expected;
  }
}

/**
 * Where groups of appends end (at the number of their last append, from 1) that can be judged side by
 * side, because none depends on what another of its group does.
 */
export function groupEnds(appends: readonly Append[]): number[] {
  const ends: number[] = [];
  const touched = new Set<string>();
  appends.forEach((append, index) => {
    const { looksAt, touches } = reachOf(append);
    if (looksAt.some((one) => touched.has(one))) {
      ends.push(index);
      touched.clear();
    }
    for (const one of touches) touched.add(one);
  });
  if (appends.length > 0) ends.push(appends.length);
  return ends;
}

/** What its judgement depends on, and what it may change. */
function reachOf({ commandId, writes, take, release }: Append) {
  const claims = [...take, ...release];
  const named = [
    ...(commandId === null ? [] : [`command ${commandId}`]),
    ...writes.map(({ stream }) => `stream ${stream}`),
    ...claims.map(({ kind, key }) => `claim ${kind} ${key}`),
  ];
  const wholeKinds = release.filter(({ keepsOne }) => keepsOne).map(({ kind }) => `kind ${kind}`);
  return {
    looksAt: [...named, ...wholeKinds],
    touches: [...named, ...claims.map(({ kind }) => `kind ${kind}`)],
  };
}

export type OutcomeRow = {
  readonly append: number;
  readonly result:
    'stored' | 'repeated' | 'version' | 'claim-taken' | 'last-claim' | 'command-reused';
  readonly position: Position;
  readonly version: Version;
  readonly time: string;
  readonly stream: StreamName;
  readonly kind: string;
};

/** What `log.append` answered to an append, in the words of the port. */
export function outcomeOf(append: Append, row: OutcomeRow): AppendOutcome {
  const { result, position, version, time, stream, kind } = row;
  switch (result) {
    case 'stored': {
      const first = append.writes[0]!.stream;
      return { ok: true, isRepeated: false, position, stream: first, version, time };
    }
    case 'repeated':
      return { ok: true, isRepeated: true, position, stream, version, time };
    case 'version': {
      const { expected } = append.writes.find((write) => write.stream === stream)!;
      return { ok: false, reason: 'version', stream, expected, actual: version };
    }
    case 'command-reused':
      return { ok: false, reason: 'command-reused' };
    default:
      return { ok: false, reason: result, kind };
  }
}
