import { describe, expect, test } from 'bun:test';
import { createWakeUp } from '../storage/wake-up.ts';
import { steerableClock } from '../testing/clock.ts';
import { createSubscription, FatalFailure, type SubscriptionStatus } from './subscription.ts';

type Turn = boolean | Error;

/** A subscription that takes the given turns, then waits for more to be given. */
function following(...turns: readonly Turn[]) {
  const script = [...turns];
  const statuses: SubscriptionStatus[] = [];
  const errors: unknown[] = [];
  const clock = steerableClock();
  const wakeUp = createWakeUp();
  let taken = 0;
  const waiting: { readonly state: string; readonly resolve: () => void }[] = [];
  const subscription = createSubscription({
    advance: async () => {
      taken += 1;
      const turn = script.shift() ?? false;
      if (turn instanceof Error) throw turn;
      return turn;
    },
    wakeUp,
    clock,
    onStatus(status, error) {
      statuses.push(status);
      errors.push(error);
      for (const { state, resolve } of waiting) if (state === status.state) resolve();
    },
  });
  return {
    subscription,
    statuses,
    errors,
    clock,
    wakeUp,
    script,
    taken: () => taken,
    until: (state: SubscriptionStatus['state']) =>
      new Promise<void>((resolve) => waiting.push({ state, resolve })),
  };
}

describe('a subscription', () => {
  test('is catching up until there is nothing left, then live', async () => {
    const { subscription, statuses, until, taken } = following(true, true, false);
    expect(subscription.status()).toEqual({ state: 'catching-up' });
    const live = until('live');
    subscription.start();
    await live;
    expect(taken()).toBe(3);
    await subscription.stop();
    expect(statuses).toEqual([{ state: 'live' }, { state: 'stopped' }]);
  });

  test('advances again when it is woken', async () => {
    const { subscription, script, wakeUp, until } = following(false);
    const live = until('live');
    subscription.start();
    await live;
    const stopped = until('stopped');
    script.push(new FatalFailure('seen'));
    wakeUp.signal();
    await stopped;
    expect(subscription.status()).toEqual({ state: 'stopped', error: 'seen' });
  });

  test('advances without any wake-up after a while', async () => {
    const { subscription, until } = following(false, new FatalFailure('polled'));
    const stopped = until('stopped');
    subscription.start();
    await stopped;
    expect(subscription.status().error).toBe('polled');
  });

  test('is retrying after a failure, says why, and is live again afterwards', async () => {
    const failure = new Error('disk is gone');
    const { subscription, statuses, errors, until } = following(failure, false);
    const live = until('live');
    subscription.start();
    await live;
    expect(statuses).toEqual([{ state: 'retrying', error: 'disk is gone' }, { state: 'live' }]);
    expect(errors).toEqual([failure, undefined]);
    await subscription.stop();
  });

  test('is catching up again as soon as a retry succeeds with more to read', async () => {
    const { subscription, statuses, until } = following(new Error('busy'), true, true, false);
    const live = until('live');
    subscription.start();
    await live;
    expect(statuses.map(({ state }) => state)).toEqual(['retrying', 'catching-up', 'live']);
    await subscription.stop();
  });

  test('pauses longer after each failure in a row, up to five seconds', async () => {
    const failures = Array.from({ length: 8 }, () => new Error('busy'));
    const { subscription, clock, until } = following(...failures, false);
    const live = until('live');
    subscription.start();
    await live;
    expect(clock.slept).toEqual([100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
    await subscription.stop();
  });

  test('begins with the short pause again once it has succeeded', async () => {
    const busy = () => new Error('busy');
    const { subscription, clock, until } = following(busy(), busy(), true, busy(), false);
    const live = until('live');
    subscription.start();
    await live;
    expect(clock.slept).toEqual([100, 200, 100]);
    await subscription.stop();
  });

  test('tells each status once, however often it is repeated', async () => {
    const busy = () => new Error('busy');
    const { subscription, statuses, until } = following(busy(), busy(), new Error('full'), false);
    const live = until('live');
    subscription.start();
    await live;
    expect(statuses.map(({ error }) => error)).toEqual(['busy', 'full', undefined]);
    await subscription.stop();
  });

  test('is stopped by a failure that no retry can mend, and keeps its reason', async () => {
    const { subscription, statuses, clock, taken, until } = following(new FatalFailure('lost'));
    const stopped = until('stopped');
    subscription.start();
    await stopped;
    await subscription.stop();
    expect(statuses).toEqual([{ state: 'stopped', error: 'lost' }]);
    expect(clock.slept).toEqual([]);
    expect(taken()).toBe(1);
  });

  test('finishes the page at hand when it is asked to stop', async () => {
    const page = Promise.withResolvers<boolean>();
    let isFinished = false;
    const subscription = createSubscription({
      advance: async () => {
        const hasMore = await page.promise;
        isFinished = true;
        return hasMore;
      },
      wakeUp: createWakeUp(),
      clock: steerableClock(),
      onStatus() {},
    });
    subscription.start();
    const stopped = subscription.stop();
    expect(isFinished).toBe(false);
    page.resolve(true);
    await stopped;
    expect(isFinished).toBe(true);
    expect(subscription.status()).toEqual({ state: 'stopped' });
  });
});
