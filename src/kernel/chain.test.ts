import { describe, expect, test } from 'bun:test';
import { createMemoryLog } from '../storage/memory/event-log.ts';
import { sha256 } from '../storage/sha256.ts';
import { appendOf, write } from '../testing/log.ts';
import { ChainBroken, chainStart, chainText, verifyChain } from './chain.ts';
import type { StoredEvent } from './event-log.ts';
import { logStart } from './stream.ts';

const start = { position: 0, hash: chainStart };

async function fiveEvents(): Promise<StoredEvent[]> {
  const log = createMemoryLog();
  await log.append([appendOf(write('a', 3)), appendOf(write('b', 2))]);
  return [...(await log.readAll(logStart, 10))];
}

function breakIn(events: readonly StoredEvent[], previous = start): number | undefined {
  try {
    verifyChain(events, previous, sha256);
  } catch (error) {
    if (error instanceof ChainBroken) return error.position;
    throw error;
  }
  return undefined;
}

describe('verifying the hash chain', () => {
  test('answers the last hash when it holds', async () => {
    const events = await fiveEvents();
    expect(verifyChain(events, start, sha256)).toBe(events[4]!.hash);
  });

  test('answers the hash it began with when there is nothing to verify', () => {
    expect(verifyChain([], start, sha256)).toBe(chainStart);
  });

  test('can begin in the middle', async () => {
    const events = await fiveEvents();
    expect(breakIn(events.slice(2), events[1])).toBeUndefined();
    expect(breakIn(events.slice(2), events[0])).toBe(2);
  });

  const altered: Partial<Record<keyof StoredEvent, unknown>> = {
    id: 'another',
    stream: 'test-z',
    version: 9,
    type: 'Forged',
    schemaVersion: 2,
    data: '{"index":42}',
    meta: '{"actorId":"mallory"}',
    time: '2027-01-01T00:00:00.000Z',
    hash: 'f'.repeat(64),
    position: 7,
  };

  test.each(Object.entries(altered))('finds an altered %s', async (column, value) => {
    const events = await fiveEvents();
    events[2] = { ...events[2]!, [column]: value };
    expect(breakIn(events)).toBe(3);
  });

  test('finds an event that was removed, and two that were exchanged', async () => {
    const events = await fiveEvents();
    expect(breakIn(events.toSpliced(1, 1))).toBe(2);
    expect(breakIn([events[0]!, events[2]!, events[1]!])).toBe(2);
  });

  test('finds an event that was rehashed, at its successor', async () => {
    const events = await fiveEvents();
    const forged = { ...events[2]!, data: '{}' };
    events[2] = { ...forged, hash: sha256(chainText(events[1]!.hash, forged)) };
    expect(breakIn(events)).toBe(4);
  });
});
