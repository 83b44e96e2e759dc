// The log in memory: the same promises as the other engines, except that nothing outlives it.
import { chainStart, chainText } from '../../kernel/chain.ts';
import {
  type Append,
  type Appended,
  type EventLog,
  isExpected,
  isSameCommand,
  type Refused,
  type StoredEvent,
} from '../../kernel/event-log.ts';
import type { Position, StreamName, Version } from '../../kernel/stream.ts';
import { sha256 } from '../sha256.ts';

export function createMemoryLog(): EventLog {
  const events: StoredEvent[] = [];
  const streams = new Map<StreamName, StoredEvent[]>();
  const claims = new Map<string, Map<string, StreamName>>();
  const commands = new Map<string, { outcome: Appended; fingerprint: string | null }>();
  const eventsOf = (stream: StreamName) => streams.get(stream) ?? [];
  const claimsOf = (kind: string) => claims.get(kind) ?? new Map<string, StreamName>();

  function judge(append: Append): Refused | Appended | undefined {
    const first = append.commandId === null ? undefined : commands.get(append.commandId);
    if (first) {
      return isSameCommand(first.fingerprint, append.fingerprint)
        ? { ...first.outcome, isRepeated: true }
        : { ok: false, reason: 'command-reused' };
    }
    for (const { stream, expected } of append.writes) {
      const actual = eventsOf(stream).length as Version;
      if (!isExpected(expected, actual))
        return { ok: false, reason: 'version', stream, expected, actual };
    }
    for (const { kind, key, stream } of append.take) {
      if ((claimsOf(kind).get(key) ?? stream) !== stream)
        return { ok: false, reason: 'claim-taken', kind };
    }
    for (const { kind, key, keepsOne } of append.release) {
      const hasOther = [...claimsOf(kind).keys()].some((other) => other !== key);
      if (keepsOne && !hasOther) return { ok: false, reason: 'last-claim', kind };
    }
    return undefined;
  }

  function write(append: Append): Appended {
    const { commandId, fingerprint, writes, take, release, meta, time: proposed } = append;
    const newest = events.at(-1)?.time ?? '';
    const time = proposed > newest ? proposed : newest;
    for (const { stream, events: added } of writes) {
      const own = eventsOf(stream);
      streams.set(stream, own);
      for (const event of added) {
        const position = (events.length + 1) as Position;
        const version = (own.length + 1) as Version;
        const unhashed = { ...event, position, stream, version, meta, time };
        const hash = sha256(chainText(events.at(-1)?.hash ?? chainStart, unhashed));
        events.push({ ...unhashed, hash });
        own.push({ ...unhashed, hash });
      }
    }
    for (const { kind, key, stream } of release) {
      if (claimsOf(kind).get(key) === stream) claimsOf(kind).delete(key);
    }
    for (const { kind, key, stream } of take) claims.set(kind, claimsOf(kind).set(key, stream));
    const { stream } = writes[0]!;
    const position = events.length as Position;
    const version = eventsOf(stream).length as Version;
    const outcome: Appended = { ok: true, isRepeated: false, position, stream, version, time };
    if (commandId !== null) commands.set(commandId, { outcome, fingerprint });
    return outcome;
  }

  return {
    append: async (appends) => appends.map((append) => judge(append) ?? write(append)),
    readStream: async (stream, after, limit) => eventsOf(stream).slice(after, after + limit),
    readAll: async (after, limit) => events.slice(after, after + limit),
    async readTypes(types, { after, to, limit }) {
      return events
        .slice(after, to)
        .filter(({ type }) => types.includes(type))
        .slice(0, limit);
    },
    async readBack(before, limit) {
      const end = Math.max(0, Math.min(before - 1, events.length));
      return events.slice(Math.max(0, end - limit), end).toReversed();
    },
    head: async () => events.length as Position,
    holderOf: async (kind, key) => claimsOf(kind).get(key),
  };
}
