import { beforeEach, describe, expect, test } from 'bun:test';
import { registry } from '../events/index.ts';
import { productStream } from '../events/products.ts';
import { createMemoryLog } from '../storage/memory/event-log.ts';
import { createMemoryCheckpoints } from '../storage/memory/follower-checkpoints.ts';
import { steerableClock } from '../testing/clock.ts';
import { keysInMemory } from '../testing/keys.ts';
import { appendOf, newEvent } from '../testing/log.ts';
import type { EventLog } from './event-log.ts';
import type { FollowerCheckpoints } from './follower-checkpoints.ts';
import { createProcessManager, type ProcessManagerParts } from './process-manager.ts';
import type { Position } from './stream.ts';

const at = (position: number) => position as Position;
const wanted = { name: 'Mug', createdBy: 'ada' };

let log: EventLog;
let checkpoints: FollowerCheckpoints;
let clock: ReturnType<typeof steerableClock>;
let met: number[];
let kept: number[];

beforeEach(() => {
  log = createMemoryLog();
  clock = steerableClock();
  met = [];
  kept = [];
  const memory = createMemoryCheckpoints();
  checkpoints = {
    ...memory,
    async moveTo(follower, position) {
      kept.push(position);
      await memory.moveTo(follower, position);
    },
  };
});

async function happens(type = 'ProductDeleted', data: object = wanted) {
  const write = { stream: productStream('p'), expected: 'any' as const };
  await log.append([appendOf({ ...write, events: [newEvent(data, type)] })]);
}

/** A process manager as after a start; nothing but log and checkpoint is known to it. */
async function begun(changed: Partial<ProcessManagerParts> = {}) {
  const manager = createProcessManager({
    name: 'watcher',
    types: ['ProductDeleted'],
    react: async ({ position }) => void met.push(position),
    log,
    registry,
    keyring: keysInMemory().keyring(),
    checkpoints,
    clock,
    onUnreadable: () => {},
    ...changed,
  });
  await manager.begin();
  return manager;
}

async function catchUp({ advance }: { readonly advance: () => Promise<boolean> }) {
  while (await advance());
}

describe('a process manager', () => {
  test('reacts to events of its types, each once and in order', async () => {
    const manager = await begun();
    for (const type of ['ProductDeleted', 'ProductRenamed', 'ProductDeleted']) await happens(type);
    await catchUp(manager);
    await happens();
    await catchUp(manager);
    expect(met).toEqual([1, 3, 4]);
    expect(manager.position()).toBe(at(4));
  });

  test('goes through a long log page by page', async () => {
    const manager = await begun();
    const events = () => Array.from({ length: 1_000 }, () => newEvent(wanted, 'ProductDeleted'));
    const write = { stream: productStream('p'), expected: 'any' as const };
    await log.append([appendOf({ ...write, events: events() })]);
    expect(await manager.advance()).toBe(true);
    expect(manager.position()).toBe(at(100));
    await catchUp(manager);
    expect(met).toEqual(Array.from({ length: 1_000 }, (_, index) => index + 1));
  });

  test('that has never begun begins at the end of the log, and is known to have begun', async () => {
    await happens();
    await begun();
    expect(kept).toEqual([1]);
    await happens();
    await catchUp(await begun());
    expect(met).toEqual([2]);
  });

  test('goes on after a start where its checkpoint is', async () => {
    const first = await begun();
    await happens();
    await catchUp(first);
    await first.keep();
    await happens();
    await catchUp(await begun());
    expect(met).toEqual([1, 2]);
  });

  test('that was killed meets again what came after its checkpoint', async () => {
    const first = await begun();
    await happens();
    await catchUp(first);
    expect(kept).toEqual([0, 1]);
    await happens();
    await catchUp(first);
    expect(kept).toEqual([0, 1]);
    await catchUp(await begun());
    expect(met).toEqual([1, 2, 2]);
  });

  test('begins no later than the end of a log that is shorter than its checkpoint', async () => {
    await checkpoints.moveTo('watcher', at(9));
    await happens();
    expect((await begun()).position()).toBe(at(1));
  });
});

describe('the checkpoint of a process manager', () => {
  test('is kept at most once a second while events come', async () => {
    const manager = await begun();
    for (let count = 0; count < 30; count += 1) {
      await happens();
      await manager.advance();
      clock.move(100);
    }
    expect(kept).toEqual([0, 1, 11, 21]);
  });

  test('is kept once nothing has come for a while, and then no more', async () => {
    const manager = await begun();
    await happens();
    await catchUp(manager);
    await happens('ProductRenamed');
    await catchUp(manager);
    expect(kept).toEqual([0, 1]);
    for (let turn = 0; turn < 5; turn += 1) await manager.advance();
    expect(kept).toEqual([0, 1, 2]);
  });
});

describe('a reaction that fails', () => {
  test('holds the checkpoint back, and is tried again with its page', async () => {
    let isBroken = true;
    const manager = await begun({
      async react({ position }) {
        met.push(position);
        if (isBroken && position === 2) throw new Error('busy');
      },
    });
    for (let count = 0; count < 3; count += 1) await happens();
    await expect(manager.advance()).rejects.toThrow('busy');
    expect([manager.position(), ...kept] as number[]).toEqual([0, 0]);
    isBroken = false;
    await catchUp(manager);
    expect(met).toEqual([1, 2, 3, 1, 2, 3]);
    expect(manager.position()).toBe(at(3));
  });

  test('is over before it is tried again, and so are its neighbours', async () => {
    const slow = Promise.withResolvers<void>();
    const manager = await begun({
      async react({ position }) {
        if (position === 1) throw new Error('busy');
        await slow.promise;
        met.push(position);
      },
    });
    await happens();
    await happens();
    const failed = manager.advance().catch((error: Error) => [error.message, ...met]);
    slow.resolve();
    expect(await failed).toEqual(['busy', 2]);
  });
});

describe('an event that cannot be decoded', () => {
  test('is told about and holds nobody up', async () => {
    const unreadable: number[] = [];
    const manager = await begun({
      onUnreadable: ({ position }) => void unreadable.push(position),
    });
    const write = { stream: productStream('p'), expected: 'any' as const };
    const broken = { ...newEvent({}, 'ProductDeleted'), data: 'no JSON' };
    await log.append([appendOf({ ...write, events: [broken] })]);
    await happens();
    await catchUp(manager);
    expect([unreadable, met]).toEqual([[1], [2]]);
  });
});
