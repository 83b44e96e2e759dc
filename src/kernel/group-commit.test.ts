import { describe, expect, test } from 'bun:test';
import { groupCommit, Overloaded } from './group-commit.ts';

const batchSizeMax = 1_000;
const waitingMax = 20_000;

/** A write that stays under way until the test ends it. */
function heldWrite() {
  const batches: (readonly number[])[] = [];
  const underWay: PromiseWithResolvers<readonly number[]>[] = [];
  let begun = Promise.withResolvers<void>();
  let isHeld = true;
  function end() {
    const batch = batches[batches.length - underWay.length]!;
    underWay.shift()!.resolve(batch.map((item) => item * 10));
  }

  return {
    batches,
    write(batch: readonly number[]) {
      batches.push(batch);
      if (!isHeld) return Promise.resolve(batch.map((item) => item * 10));
      const held = Promise.withResolvers<readonly number[]>();
      underWay.push(held);
      begun.resolve();
      begun = Promise.withResolvers();
      return held.promise;
    },
    /** Resolves when the next write begins. */
    next: () => begun.promise,
    /** Answers each item of the oldest write with its tenfold. */
    end,
    fail(error: Error) {
      underWay.shift()!.reject(error);
    },
    /** Ends what is under way, and from now on every write at once. */
    endAll() {
      isHeld = false;
      while (underWay.length > 0) end();
    },
  };
}

describe('submitting to a group commit', () => {
  test('writes what one moment brings in one batch, in the order of submission', async () => {
    const { batches, write, next, end } = heldWrite();
    const { submit } = groupCommit(write);
    const results = [submit(1), submit(2), submit(3)];
    await next();
    end();
    expect(await Promise.all(results)).toEqual([10, 20, 30]);
    expect(batches).toEqual([[1, 2, 3]]);
  });

  test('gathers the next batch while one is being written', async () => {
    const { batches, write, next, endAll } = heldWrite();
    const { submit } = groupCommit(write);
    const results = [submit(1)];
    await next();
    results.push(submit(2), submit(3));
    expect(batches).toEqual([[1]]);
    endAll();
    expect(await Promise.all(results)).toEqual([10, 20, 30]);
    expect(batches).toEqual([[1], [2, 3]]);
  });

  test('waits with the first batch for the end of the turn', async () => {
    const turn = Promise.withResolvers<void>();
    const { batches, write, endAll } = heldWrite();
    const { submit } = groupCommit(write, () => turn.promise);
    endAll();
    const results = [submit(1)];
    await Promise.resolve();
    results.push(submit(2));
    expect(batches).toEqual([]);
    turn.resolve();
    expect(await Promise.all(results)).toEqual([10, 20]);
    expect(batches.flat()).toEqual([1, 2]);
    expect(batches).toHaveLength(1);
  });

  test.each([
    [3, [1, 2, 3, 4]],
    [20, [1, 2, 3, 4, 5, 6, 7, 8, 9]],
  ])('waits while each of %d turns brings another, though not for ever', async (turns, first) => {
    const { batches, write, next, endAll } = heldWrite();
    const results: Promise<number>[] = [];
    let calls = 1;
    const { submit } = groupCommit(write, async () => {
      await Promise.resolve();
      if (calls <= turns) results.push(submit((calls += 1)));
    });
    results.push(submit(1));
    await next();
    expect(batches).toEqual([first]);
    endAll();
    await Promise.all(results);
  });

  test('answers nobody before the write has ended', async () => {
    const { write, next, end } = heldWrite();
    const { submit } = groupCommit(write);
    let isAnswered = false;
    const answer = submit(1).then(() => (isAnswered = true));
    await next();
    await Promise.resolve();
    expect(isAnswered).toBe(false);
    end();
    expect(await answer).toBe(true);
  });

  test('splits a long queue into batches of limited size', async () => {
    const sizes: number[] = [];
    const { submit } = groupCommit(async (batch: readonly number[]) => {
      sizes.push(batch.length);
      return batch;
    });
    const items = Array.from({ length: 2 * batchSizeMax + 1 }, (_, index) => index);
    expect(await Promise.all(items.map(submit))).toEqual(items);
    expect(sizes).toEqual([batchSizeMax, batchSizeMax, 1]);
  });

  test('rejects all of a batch whose write fails, and goes on with the next', async () => {
    const { write, next, end, fail } = heldWrite();
    const { submit } = groupCommit(write);
    const failing = [submit(1), submit(2)];
    await next();
    const later = submit(3);
    const second = next();
    fail(new Error('disk full'));
    const outcomes = await Promise.allSettled(failing);
    expect(outcomes.map((one) => (one as PromiseRejectedResult).reason.message)).toEqual([
      'disk full',
      'disk full',
    ]);
    await second;
    end();
    expect(await later).toBe(30);
  });

  test('rejects a batch whose write throws before it answers a promise', async () => {
    const { submit } = groupCommit((): never => {
      throw new Error('closed');
    });
    expect(submit(1)).rejects.toThrow('closed');
    expect(submit(2)).rejects.toThrow('closed');
  });

  test('is refused as overloaded when the queue is full, and taken again once it has drained', async () => {
    const { write, next, endAll } = heldWrite();
    const { submit } = groupCommit(write);
    const first = submit(1);
    await next();
    const queued = Array.from({ length: waitingMax }, (_, index) => submit(index));
    const refused = await submit(-1).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(Overloaded);
    expect((refused as Overloaded).waiting).toBe(waitingMax);

    endAll();
    expect(await first).toBe(10);
    expect((await Promise.all(queued)).at(-1)).toBe((waitingMax - 1) * 10);
    expect(await submit(7)).toBe(70);
  });
});

describe('a group commit', () => {
  test('is idle from the start', async () => {
    await groupCommit(async (batch: readonly number[]) => batch).idle();
  });

  test('is idle once everything submitted has been answered, failures included', async () => {
    const { write, next, end, fail } = heldWrite();
    const { submit, idle } = groupCommit(write);
    const answered: string[] = [];
    void submit(1).then(() => answered.push('first'));
    await next();
    void submit(2).catch(() => answered.push('second'));
    const whenIdle = idle().then(() => answered.push('idle'));
    const second = next();
    end();
    await second;
    fail(new Error('disk full'));
    await whenIdle;
    expect(answered).toEqual(['first', 'second', 'idle']);
  });
});
