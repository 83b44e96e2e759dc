import { describe, expect, test } from 'bun:test';
import { context, purses, streamOf } from '../testing/purses.ts';
import { appendOf } from '../testing/log.ts';
import { CommandIdReused, VersionConflict } from './event-log.ts';
import { noEvents, type Version } from './stream.ts';

describe('an accepted command', () => {
  test('stores its events with metadata, ids and the time', async () => {
    const { handle, stored, clock } = purses();
    clock.move(1_000);
    await handle('a', { type: 'Pay', amount: 5 }, context);
    expect(await stored()).toEqual([
      expect.objectContaining({
        id: '00000000-0000-7000-8000-000000000001',
        stream: streamOf('a'),
        type: 'Paid',
        data: '{"amount":5}',
        meta: '{"actorId":"ada","correlationId":"request","causationId":"click"}',
        time: '2026-01-01T00:00:01.000Z',
      }),
    ]);
  });

  test('is answered with the state after it, its place and its times', async () => {
    const { handle, clock } = purses();
    await handle('a', { type: 'Pay', amount: 5 }, context);
    clock.move(2_000);
    expect(await handle('a', { type: 'Spend', amount: 2 }, context)).toEqual({
      ok: true,
      id: 'a',
      isRepeated: false,
      state: { amount: 3, name: undefined },
      version: 2,
      position: 2,
      createdAt: '2026-01-01T00:00:00.000Z',
      updatedAt: '2026-01-01T00:00:02.000Z',
    } as never);
  });

  test('that changes nothing stores nothing and answers what is there', async () => {
    const { handle, stored } = purses();
    const first = await handle('a', { type: 'FillTo', amount: 5 }, context);
    expect(await handle('a', { type: 'FillTo', amount: 5 }, context)).toEqual(first);
    expect(await stored()).toHaveLength(1);
  });

  test('is answered alike with and without a cache', async () => {
    const { handle, cache } = purses();
    const amounts = [3, 4, 5];
    for (const amount of amounts) await handle('a', { type: 'Pay', amount }, context);
    const cached = await handle.load('a');
    cache.clear();
    expect(await handle.load('a')).toEqual(cached);
    expect(cached.state.amount).toBe(12);
  });
});

describe('a rejected command', () => {
  test('stores nothing and answers the rejection', async () => {
    const { handle, stored } = purses();
    const outcome = await handle('a', { type: 'Spend', amount: 1 }, context);
    expect(outcome).toEqual({ ok: false, rejection: 'too-little' });
    expect(await stored()).toEqual([]);
  });
});

describe('a command that meets a conflict', () => {
  test('is decided again with what has happened meanwhile', async () => {
    const { handle, elsewhere, world, stored } = purses();
    await handle('a', { type: 'Pay', amount: 5 }, context);
    world.beforeAppend = async () => {
      world.beforeAppend = async () => {};
      await elsewhere('a', 3);
    };
    const outcome = await handle('a', { type: 'Spend', amount: 5 }, context);
    expect(outcome).toMatchObject({ ok: true, version: 3, state: { amount: 3 } });
    expect((await stored()).map(({ data }) => JSON.parse(data).amount)).toEqual([5, 3, 5]);
  });

  test('may be rejected by what has happened meanwhile', async () => {
    const { handle, log, world } = purses();
    await handle('a', { type: 'Pay', amount: 5 }, context);
    const spent = { id: 'elsewhere', type: 'Spent', schemaVersion: 1, data: '{"amount":5}' };
    world.beforeAppend = async () => {
      world.beforeAppend = async () => {};
      await log.append([appendOf({ stream: streamOf('a'), expected: 'any', events: [spent] })]);
    };
    const outcome = await handle('a', { type: 'Spend', amount: 5 }, context);
    expect(outcome).toEqual({ ok: false, rejection: 'too-little' });
  });

  test('gives up when somebody else is always first', async () => {
    const { handle, elsewhere, world, stored } = purses();
    let conflicts = 0;
    world.beforeAppend = async () => {
      conflicts += 1;
      await elsewhere('a', 1);
    };
    const outcome = handle('a', { type: 'Pay', amount: 100 }, context);
    await expect(outcome).rejects.toBeInstanceOf(VersionConflict);
    expect(conflicts).toBe(5);
    expect((await stored()).map(({ id }) => id)).toEqual(Array(5).fill('elsewhere'));
  });

  test('has all of many simultaneous writers stored once', async () => {
    const { handle } = purses();
    const writers = Array.from({ length: 5 }, () =>
      handle('a', { type: 'Pay', amount: 1 }, context),
    );
    const outcomes = await Promise.all(writers);
    const versions = outcomes.map((one) => one.ok && (one.version as number));
    expect(versions.toSorted()).toEqual([1, 2, 3, 4, 5]);
    expect((await handle.load('a')).state.amount).toBe(5);
  });
});

describe('a command for the version that its caller saw', () => {
  test('is accepted at that version and stale at any other', async () => {
    const { handle } = purses();
    const pay = { type: 'Pay', amount: 1 } as const;
    await handle('a', pay, context);
    await handle('a', pay, { ...context, ifVersion: 1 as Version });
    for (const ifVersion of [0, 1, 3] as Version[]) {
      expect(await handle('a', pay, { ...context, ifVersion })).toEqual({
        ok: false,
        rejection: 'stale',
      });
    }
    expect((await handle.load('a')).version).toBe(2 as Version);
  });

  test('is stale when somebody else writes just before it', async () => {
    const { handle, elsewhere, world } = purses();
    await handle('a', { type: 'Pay', amount: 1 }, context);
    world.beforeAppend = () => elsewhere('a', 1) as never;
    const seen = { ...context, ifVersion: 1 as Version };
    const outcome = await handle('a', { type: 'Pay', amount: 1 }, seen);
    expect(outcome).toEqual({ ok: false, rejection: 'stale' });
  });

  test('is left to the rules when there is nothing yet', async () => {
    const { handle } = purses();
    const seen = { ...context, ifVersion: 4 as Version };
    const outcome = await handle('a', { type: 'Spend', amount: 1 }, seen);
    expect(outcome).toEqual({ ok: false, rejection: 'too-little' });
  });
});

describe('a command for an id that its caller has just made', () => {
  test('reads nothing before it writes', async () => {
    const { handle, world } = purses();
    const outcome = await handle('a', { type: 'Pay', amount: 1 }, { ...context, isNew: true });
    expect(outcome).toMatchObject({ ok: true, version: 1 });
    expect(world.reads).toBe(0);
  });

  test('is a conflict when the id is taken after all', async () => {
    const { handle, stored } = purses();
    await handle('a', { type: 'Pay', amount: 1 }, context);
    const outcome = handle('a', { type: 'Pay', amount: 1 }, { ...context, isNew: true });
    await expect(outcome).rejects.toBeInstanceOf(VersionConflict);
    expect(await stored()).toHaveLength(1);
  });
});

describe('a command with an id of its own', () => {
  const once = { ...context, commandId: 'once' };

  test('is stored once however often it comes', async () => {
    const { handle, stored } = purses();
    const first = await handle('a', { type: 'Pay', amount: 5 }, once);
    const again = await handle('a', { type: 'Pay', amount: 5 }, once);
    expect(again).toEqual({ ...first, isRepeated: true } as never);
    expect(await stored()).toHaveLength(1);
  });

  test('is refused with another command, also where the rules would refuse that one', async () => {
    const { handle, stored } = purses();
    await handle('a', { type: 'Pay', amount: 5 }, { ...once, fingerprint: 'pay' });
    const spend = { ...once, fingerprint: 'spend' };
    for (const amount of [1, 1_000]) {
      const outcome = handle('a', { type: 'Spend', amount }, spend);
      await expect(outcome).rejects.toBeInstanceOf(CommandIdReused);
    }
    expect(await stored()).toHaveLength(1);
  });

  test('is stored once when two come at the same time', async () => {
    const { handle, stored } = purses();
    const pay = () => handle('a', { type: 'Pay', amount: 5 }, once);
    const outcomes = await Promise.all([pay(), pay()]);
    expect(outcomes.map((one) => one.ok && one.isRepeated)).toEqual([false, true]);
    expect(await stored()).toHaveLength(1);
  });

  test('answers for the subject it was first used for', async () => {
    const { handle, stored } = purses();
    await handle('a', { type: 'Pay', amount: 5 }, { ...once, isNew: true });
    const again = await handle('b', { type: 'Pay', amount: 5 }, { ...once, isNew: true });
    expect(again).toMatchObject({ ok: true, id: 'a', isRepeated: true, state: { amount: 5 } });
    expect(await stored()).toHaveLength(1);
  });

  test('is known again before its claims and its version are looked at', async () => {
    const { handle } = purses();
    const name = { type: 'Name', name: 'holiday' } as const;
    await handle('a', name, { ...once, isNew: true });
    const again = await handle('b', name, { ...once, isNew: true });
    expect(again).toMatchObject({ ok: true, id: 'a', isRepeated: true });
    const third = await handle('a', name, { ...once, isNew: true });
    expect(third).toMatchObject({ ok: true, id: 'a', isRepeated: true });
  });

  test('is known again although the rules would refuse it by now', async () => {
    const { handle } = purses();
    await handle('a', { type: 'Pay', amount: 5 }, context);
    const first = await handle('a', { type: 'Spend', amount: 5 }, once);
    const again = await handle('a', { type: 'Spend', amount: 5 }, once);
    expect(again).toEqual({ ...first, isRepeated: true } as never);
  });

  test('is known again although its version is stale by now', async () => {
    const { handle } = purses();
    await handle('a', { type: 'Pay', amount: 5 }, context);
    const seen = { ...once, ifVersion: 1 as Version };
    await handle('a', { type: 'Pay', amount: 1 }, seen);
    const again = await handle('a', { type: 'Pay', amount: 1 }, seen);
    expect(again).toMatchObject({ ok: true, isRepeated: true, version: 2 });
  });

  test('may be used again after a refusal', async () => {
    const { handle } = purses();
    const refused = await handle('a', { type: 'Spend', amount: 5 }, once);
    expect(refused).toEqual({ ok: false, rejection: 'too-little' });
    await handle('a', { type: 'Pay', amount: 5 }, context);
    const outcome = await handle('a', { type: 'Spend', amount: 5 }, once);
    expect(outcome).toMatchObject({ ok: true, isRepeated: false });
  });
});

describe('a claim', () => {
  test('that somebody else holds refuses the command as its decider wished', async () => {
    const { handle, stored } = purses();
    await handle('a', { type: 'Name', name: 'holiday' }, context);
    const outcome = await handle('b', { type: 'Name', name: 'holiday' }, context);
    expect(outcome).toEqual({ ok: false, rejection: 'name-taken' });
    expect(await stored()).toHaveLength(1);
  });

  test('that is the last of its kind is not given up', async () => {
    const { handle } = purses();
    await handle('a', { type: 'Name', name: 'holiday' }, context);
    const refused = await handle('a', { type: 'Unname' }, context);
    expect(refused).toEqual({ ok: false, rejection: 'last-name' });
    await handle('b', { type: 'Name', name: 'household' }, context);
    expect(await handle('a', { type: 'Unname' }, context)).toMatchObject({ ok: true });
    expect((await handle('c', { type: 'Name', name: 'holiday' }, context)).ok).toBe(true);
  });

  test('stands in the log as a digest, never as text', async () => {
    const { handle, log, digest } = purses();
    await handle('a', { type: 'Name', name: 'holiday' }, context);
    expect(await log.holderOf('name', 'holiday')).toBeUndefined();
    expect(await log.holderOf('name', digest('name', 'holiday'))).toBe(streamOf('a'));
  });
});

describe('the cache of states', () => {
  const pay = { type: 'Pay', amount: 1 } as const;

  test('saves reading the stream again', async () => {
    const { handle, world } = purses();
    for (let command = 0; command < 5; command += 1) await handle('a', pay, context);
    expect(world.reads).toBe(1);
  });

  test('is bounded, and forgetting costs a read, never an answer', async () => {
    const { handle, world, cache } = purses({ remembered: 2 });
    for (const id of ['a', 'b', 'c']) await handle(id, pay, context);
    expect(cache.size).toBe(2);
    const readsBefore = world.reads;
    expect(await handle('a', pay, context)).toMatchObject({ ok: true, version: 2 });
    expect(world.reads).toBe(readsBefore + 1);
  });

  test('forgets what a conflict has shown to be old', async () => {
    const { handle, elsewhere } = purses();
    await handle('a', pay, context);
    await elsewhere('a', 10);
    const outcome = await handle('a', pay, context);
    expect(outcome).toMatchObject({ ok: true, version: 3, state: { amount: 12 } });
  });

  test('is never set back by a slower command', async () => {
    const { handle, cache } = purses();
    await Promise.all([handle('a', pay, context), handle('a', pay, context)]);
    expect(cache.get(streamOf('a'))?.version).toBe(2 as Version);
  });

  test('holds nothing for a stream without events', async () => {
    const { handle, cache } = purses();
    expect((await handle.load('a')).version).toBe(noEvents);
    await handle('a', { type: 'Spend', amount: 1 }, context);
    expect(cache.size).toBe(0);
  });
});
