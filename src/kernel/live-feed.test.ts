import { afterEach, describe, expect, test } from 'bun:test';
import { systemClock } from '../storage/clock.ts';
import { createMemoryLog } from '../storage/memory/event-log.ts';
import { createWakeUp } from '../storage/wake-up.ts';
import { appendOf, write } from '../testing/log.ts';
import { seededRandom } from '../testing/random.ts';
import type { StoredEvent } from './event-log.ts';
import { createLiveFeed, type Following } from './live-feed.ts';
import type { Position } from './stream.ts';

type Feed = ReturnType<typeof createLiveFeed<StoredEvent>>;
let running: Feed | undefined;

afterEach(() => running?.stop());

/** A feed over a log in memory; some events cannot be opened, and some reads fail. */
function feedOf({ isBroken = () => false }: { isBroken?: (event: StoredEvent) => boolean } = {}) {
  const log = createMemoryLog();
  const wakeUp = createWakeUp();
  let lostUpTo = -1;
  let pagesRead = 0;
  const opened: number[] = [];
  const openedAsOlder: number[] = [];
  let beforeOpened: (() => Promise<void>) | undefined;
  async function open(page: readonly StoredEvent[]) {
    opened.push(...page.map(({ position }) => position));
    await beforeOpened?.();
    return page.filter((event) => !isBroken(event));
  }
  const feed = createLiveFeed<StoredEvent>({
    log: {
      ...log,
      async readAll(after, limit) {
        pagesRead += 1;
        if (after <= lostUpTo) throw new Error('the disk is gone');
        return log.readAll(after, limit);
      },
    },
    open,
    openOlder(page) {
      openedAsOlder.push(...page.map(({ position }) => position));
      return open(page);
    },
    endOfTurn: () => new Promise((resolve) => setImmediate(resolve)),
    wakeUp,
    clock: systemClock,
    onStatus: () => {},
  });
  running = feed;
  feed.start();
  return {
    feed,
    pagesRead: () => pagesRead,
    /** Positions whose events were opened, each time. */
    opened,
    openedAsOlder,
    /** Runs when a page has been read and before its entries are there. */
    holdOpening: (run: (() => Promise<void>) | undefined) => (beforeOpened = run),
    /** Pages behind positions up to this one cannot be read any longer. */
    losePages: (upTo: number) => (lostUpTo = upTo),
    async append(count: number) {
      await log.append([appendOf(write('a', count))]);
      wakeUp.signal();
    },
    /** Nobody is woken, so that the feed does not know yet. */
    appendSilently: () => log.append([appendOf(write('a', 1))]),
  };
}

/** Takes what it is given while it has room, and tells when it has come to a position. */
function follow(feed: Feed, after: number, room = Number.POSITIVE_INFINITY) {
  const taken: number[] = [];
  const failures: unknown[] = [];
  const failed = Promise.withResolvers<void>();
  let left = room;
  const waiting: { readonly position: number; readonly resolve: () => void }[] = [];
  const following: Following = feed.follow(
    {
      take(entries) {
        const now = entries.slice(0, left);
        left -= now.length;
        taken.push(...now.map(({ position }) => position));
        for (const { position, resolve } of waiting) if ((taken.at(-1) ?? 0) >= position) resolve();
        return now.length;
      },
      onFailure(error) {
        failures.push(error);
        failed.resolve();
      },
    },
    after as Position,
  );
  return {
    taken,
    failures,
    failed: failed.promise,
    following,
    until: (position: number) =>
      (taken.at(-1) ?? 0) >= position
        ? Promise.resolve()
        : new Promise<void>((resolve) => waiting.push({ position, resolve })),
    makeRoom(more: number) {
      left += more;
      following.resume();
    },
  };
}

const range = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => from + index);

describe('a follower', () => {
  test('gets what is older, then what comes, without a gap or a double', async () => {
    const { feed, append } = feedOf();
    await append(10);
    const follower = follow(feed, 4);
    await follower.until(10);
    await append(5);
    await follower.until(15);
    expect(follower.taken).toEqual(range(5, 15));
    expect(follower.following.position()).toBe(15 as Position);
  });

  test('from far behind the remembered entries comes up through pages of the log', async () => {
    const { feed, append, openedAsOlder } = feedOf();
    await append(6_000);
    const [far, near] = [follow(feed, 0), follow(feed, 5_900)];
    await append(100);
    await Promise.all([far.until(6_100), near.until(6_100)]);
    expect(far.taken).toEqual(range(1, 6_100));
    expect(near.taken).toEqual(range(5_901, 6_100));
    expect(openedAsOlder.slice(0, 5_000)).toEqual(range(1, 5_000));
    expect(openedAsOlder.at(-1)).toBeLessThan(6_000);
  });

  test('far behind leaves everything else its turn between two pages', async () => {
    const { feed, append } = feedOf();
    await append(6_000);
    let turns = 0;
    let isOver = false;
    const count = () => {
      turns += 1;
      if (!isOver) setImmediate(count);
    };
    setImmediate(count);
    await follow(feed, 0).until(6_000);
    isOver = true;
    expect(turns).toBeGreaterThan(40);
  });

  test('far behind reads what another one reads as well only once', async () => {
    const { feed, append, pagesRead } = feedOf();
    await append(6_000);
    const crowd = Array.from({ length: 50 }, (_, index) => follow(feed, index * 10));
    await Promise.all(crowd.map((one) => one.until(6_000)));
    for (const [index, { taken }] of crowd.entries()) {
      expect(taken).toEqual(range(index * 10 + 1, 6_000));
    }
    expect(pagesRead()).toBeLessThan(70);
  });

  test('that comes is given what is remembered when the feed knows all that there was before it came', async () => {
    const { feed, append, appendSilently } = feedOf();
    const there = follow(feed, 0);
    await append(1);
    await there.until(1);
    await appendSilently();
    const newcomer = follow(feed, 0);
    expect(newcomer.taken).toEqual([]);
    await newcomer.until(1);
    expect(there.taken).toEqual([1, 2]);
  });

  test('that starts at the head gets what comes only', async () => {
    const { feed, append } = feedOf();
    await append(3);
    const follower = follow(feed, 3);
    await append(2);
    await follower.until(5);
    expect(follower.taken).toEqual([4, 5]);
  });

  test('that can take no more is given nothing until it resumes, and then everything', async () => {
    const { feed, append } = feedOf();
    const [slow, quick] = [follow(feed, 0, 3), follow(feed, 0)];
    for (let round = 0; round < 20; round += 1) await append(500);
    await quick.until(10_000);
    expect(slow.taken).toEqual([1, 2, 3]);
    slow.makeRoom(4_000);
    await slow.until(4_003);
    slow.makeRoom(Number.POSITIVE_INFINITY);
    await slow.until(10_000);
    expect(slow.taken).toEqual(range(1, 10_000));
    expect(quick.taken).toEqual(range(1, 10_000));
  });

  test('that has stopped gets nothing more', async () => {
    const { feed, append } = feedOf();
    const [gone, there] = [follow(feed, 0), follow(feed, 0)];
    await append(1);
    await Promise.all([gone.until(1), there.until(1)]);
    gone.following.stop();
    await append(1);
    await there.until(2);
    expect(gone.taken).toEqual([1]);
    expect(feed.size()).toBe(1);
  });

  test('is not held up by an event that cannot be opened', async () => {
    const { feed, append } = feedOf({ isBroken: ({ position }) => position % 7 === 1 });
    await append(3_000);
    const follower = follow(feed, 0);
    await follower.until(3_000);
    await append(10);
    await follower.until(3_010);
    expect(follower.taken).toEqual(range(1, 3_010).filter((position) => position % 7 !== 1));
  });

  test('whose pages cannot be read is told, and followed no longer', async () => {
    const { feed, append, losePages } = feedOf();
    await append(5_000);
    const near = follow(feed, 5_000);
    await append(1);
    await near.until(5_001);
    losePages(1_000);
    const far = follow(feed, 0);
    await far.failed;
    expect(far.failures).toMatchObject([{ message: 'the disk is gone' }]);
    expect(feed.size()).toBe(1);
  });
});

describe('a feed', () => {
  test('reads nothing while nobody follows', async () => {
    const { feed, append, pagesRead } = feedOf();
    await append(100);
    const first = follow(feed, 100);
    await append(1);
    await first.until(101);
    first.following.stop();
    const before = pagesRead();
    for (let round = 0; round < 10; round += 1) await append(100);
    expect(pagesRead() - before).toBeLessThanOrEqual(1); // the page that was on its way
    const second = follow(feed, 500);
    await second.until(1_101);
    expect(second.taken).toEqual(range(501, 1_101));
  });

  test('reads each page once for all who are near its end', async () => {
    const { feed, append, pagesRead } = feedOf();
    const followers = Array.from({ length: 50 }, () => follow(feed, 0));
    await append(1);
    await Promise.all(followers.map(({ until }) => until(1)));
    const before = pagesRead();
    await append(200);
    await Promise.all(followers.map(({ until }) => until(201)));
    expect(pagesRead() - before).toBeLessThan(5);
  });

  test('gives every follower the range of the log, whatever the order of things', async () => {
    const random = seededRandom('live feed');
    const { feed, append } = feedOf();
    const followers: { readonly after: number; readonly one: ReturnType<typeof follow> }[] = [];
    let head = 0;
    for (let step = 0; step < 300; step += 1) {
      const count = random.between(1, 120);
      await append(count);
      head += count;
      const after = random.below(head + 1);
      if (random.isTrue(0.2))
        followers.push({ after, one: follow(feed, after, random.below(300)) });
      for (const { one } of followers) if (random.isTrue(0.3)) one.makeRoom(random.below(2_000));
      if (random.isTrue(0.1)) random.take(followers)?.one.following.stop();
    }
    for (const { one } of followers) one.makeRoom(Number.POSITIVE_INFINITY);
    await append(1);
    await Promise.all(followers.map(({ one }) => one.until(head + 1)));
    expect(followers.length).toBeGreaterThan(5);
    for (const { after, one } of followers) expect(one.taken).toEqual(range(after + 1, head + 1));
  });

  test('that forgets opens everything anew, and gives it without a gap or a double', async () => {
    const { feed, append, opened } = feedOf();
    const first = follow(feed, 0);
    await append(10);
    await first.until(10);
    const before = opened.length;
    feed.forget();
    const second = follow(feed, 3);
    await second.until(10);
    expect(opened.length).toBe(before + 10);
    await append(2);
    await Promise.all([first.until(12), second.until(12)]);
    expect(first.taken).toEqual(range(1, 12));
    expect(second.taken).toEqual(range(4, 12));
  });

  test('that is told to forget while it opens a page gives nothing of what it opened', async () => {
    const { feed, append, opened, holdOpening } = feedOf();
    const follower = follow(feed, 0);
    await append(1);
    await follower.until(1);
    const opening = Promise.withResolvers<void>();
    const letGo = Promise.withResolvers<void>();
    holdOpening(async () => {
      holdOpening(undefined);
      opening.resolve();
      await letGo.promise;
    });
    await append(1);
    await opening.promise;
    feed.forget();
    letGo.resolve();
    await follower.until(2);
    expect(follower.taken).toEqual([1, 2]);
    expect(opened.filter((position) => position === 2)).toHaveLength(2);
  });
});
