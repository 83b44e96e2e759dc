// A command that rests on another stream than its own.
import { describe, expect, test } from 'bun:test';
import { Type } from '@sinclair/typebox';
import { LRUCache } from 'lru-cache';
import { createDigest } from '../storage/digest.ts';
import { createMemoryLog } from '../storage/memory/event-log.ts';
import { countingIds, steerableClock } from '../testing/clock.ts';
import { keysInMemory } from '../testing/keys.ts';
import { accept, type Decider } from './decider.ts';
import { VersionConflict } from './event-log.ts';
import { createEventStore } from './event-store.ts';
import { event, type EventOf } from './event.ts';
import { commandHandler, type Folded, type Premise } from './handle-command.ts';
import { createRegistry } from './registry.ts';
import { type StreamName, streamNamer, type Version } from './stream.ts';

const Noted = event('Noted', { text: Type.String() });
type Note = { readonly text: string };

const note: Decider<number, Note, EventOf<typeof Noted>, never> = {
  initialState: 0,
  evolve: (count) => count + 1,
  decide: ({ text }) => accept({ type: 'Noted', data: { text } }),
};

const noteStream = streamNamer('note');
const context = { actorId: 'test', correlationId: 'test', causationId: 'test' };

/** @param beforeAppend Runs between a decision and its append. */
function notes(beforeAppend: (attempt: number) => Promise<unknown> = async () => undefined) {
  const log = createMemoryLog();
  const states = new LRUCache<StreamName, Folded<unknown>>({ max: 10 });
  const parts = {
    store: createEventStore({
      log,
      registry: createRegistry([Noted]),
      keyring: keysInMemory().keyring(),
    }),
    cache: states,
    clock: steerableClock(),
    newId: countingIds(),
    digest: createDigest(Buffer.from('a key')),
  };
  const subjects = commandHandler(parts, note, streamNamer('subject'));
  let attempts = 0;
  async function subject(): Promise<Premise> {
    const { version } = await subjects.recall('ada');
    await beforeAppend((attempts += 1));
    return { stream: streamNamer('subject')('ada'), version };
  }
  return {
    log,
    subjects,
    attempts: () => attempts,
    handle: commandHandler(parts, note, noteStream, subject),
  };
}

describe('a command that rests on another stream', () => {
  test('is stored when that stream stands as it did, and adds nothing to it', async () => {
    const { subjects, handle, attempts, log } = notes();
    await subjects('ada', { text: 'there' }, context);
    const outcome = await handle('n', { text: 'one' }, { ...context, isNew: true });
    expect(outcome).toMatchObject({ ok: true, id: 'n', version: 1 as Version, position: 2 });
    expect(attempts()).toBe(1);
    expect(await log.readStream(streamNamer('subject')('ada'), 0 as Version, 10)).toHaveLength(1);
  });

  test('is decided anew when that stream has gone on meanwhile', async () => {
    const { subjects, handle, attempts } = notes(async (attempt) => {
      if (attempt === 1) await subjects('ada', { text: 'meanwhile' }, context);
    });
    const outcome = await handle('n', { text: 'one' }, { ...context, isNew: true });
    expect(outcome).toMatchObject({ ok: true, position: 2 });
    expect(attempts()).toBe(2);
  });

  test('is not stored when what it rests on is no more', async () => {
    const { subjects, handle, log } = notes(async (attempt) => {
      if (attempt > 1) throw new Error('gone');
      await subjects('ada', { text: 'meanwhile' }, context);
    });
    const outcome = handle('n', { text: 'one' }, { ...context, isNew: true });
    await expect(outcome).rejects.toThrow('gone');
    expect(await log.readStream(noteStream('n'), 0 as Version, 10)).toEqual([]);
  });

  test('gives up when that stream goes on for ever', async () => {
    const { subjects, handle } = notes(() => subjects('ada', { text: 'meanwhile' }, context));
    const outcome = handle('n', { text: 'one' }, { ...context, isNew: true });
    await expect(outcome).rejects.toBeInstanceOf(VersionConflict);
  });
});
