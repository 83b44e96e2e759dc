import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { type Job, type JobCounts, type Jobs, QueueUnreachable } from '../../src/kernel/jobs.ts';
import { openJobs, until } from '../../src/testing/job-engines.ts';
import { startRedis, type TestRedis } from '../../src/testing/redis.ts';

setDefaultTimeout(60_000);

let redis: TestRedis;

beforeEach(async () => {
  redis = await startRedis();
});
afterEach(() => redis.stop());

describe('a queue whose Redis is away', () => {
  const job = (id: string): Job => ({ id, name: 'effect', data: { about: id } });
  let jobs: Jobs;
  let done: string[];
  let troubles: unknown[];

  beforeEach(async () => {
    done = [];
    troubles = [];
    const place = { engine: 'redis', url: redis.url, prefix: 'test' } as const;
    jobs = await openJobs(place, { onTrouble: (error) => void troubles.push(error) });
  });
  afterEach(() => jobs.close());

  const work = () => jobs.work(new Map([['effect', async ({ id }: Job) => void done.push(id)]]));

  test.each(['killed', 'frozen'] as const)(
    '(%s) says so instead of waiting for it, and loses nothing',
    async (how) => {
      work();
      await jobs.enqueue(job('a'));
      await until(() => done.includes('a'));
      await (how === 'killed' ? redis.kill() : redis.freeze());
      const asked = [
        jobs.enqueue(job('b')),
        jobs.enqueue(job('b')),
        jobs.counts(),
        jobs.retry('a'),
      ];
      for (const { status, reason } of (await Promise.allSettled(
        asked,
      )) as PromiseRejectedResult[]) {
        expect({ status, reason }).toEqual({
          status: 'rejected',
          reason: expect.any(QueueUnreachable),
        });
      }
      await (how === 'killed' ? redis.restart() : redis.thaw());
      await until(() =>
        jobs.enqueue(job('b')).then(
          () => true,
          () => false,
        ),
      );
      await until(() => done.includes('b'));
      await jobs.enqueue(job('c'));
      await until(() => done.includes('c'));
      expect(done).toEqual(['a', 'b', 'c']);
    },
  );

  test('keeps what was enqueued before it was killed', async () => {
    await jobs.enqueue(job('a'));
    await redis.kill();
    await redis.restart();
    work();
    await until(() => done.length > 0);
    expect(done).toEqual(['a']);
  });

  test('hears of the end of a job when it is back', async () => {
    const gate = Promise.withResolvers<void>();
    let tries = 0;
    const handle = async ({ id }: Job) => {
      tries += 1;
      if (tries === 1) await gate.promise;
      done.push(id);
    };
    jobs.work(new Map([['effect', handle]]));
    await jobs.enqueue(job('a'));
    await until(() => tries === 1);
    redis.freeze();
    gate.resolve();
    await redis.kill();
    await redis.restart();
    const isEnded = ({ waiting, delayed, active }: JobCounts) => waiting + delayed + active === 0;
    await until(() => jobs.counts().then(isEnded, () => false));
    expect((await jobs.counts()).dead).toBe(0);
    expect(new Set(done)).toEqual(new Set(['a']));
  });

  test.each(['killed', 'frozen'] as const)('(%s) can be closed', async (how) => {
    work();
    await jobs.enqueue(job('a'));
    await until(() => done.includes('a'));
    await (how === 'killed' ? redis.kill() : redis.freeze());
    await jobs.close();
    if (how === 'frozen') redis.thaw();
  });
});
