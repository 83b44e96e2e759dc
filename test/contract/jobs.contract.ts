import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import {
  concurrency,
  HopelessJob,
  type Job,
  type JobFailure,
  type JobHandler,
  type Jobs,
} from '../../src/kernel/jobs.ts';
import { temporaryDirectory } from '../../src/testing/directory.ts';
import { type Dying, leaveEffect } from '../../src/testing/dying-worker.ts';
import {
  type JobPlace,
  openJobs,
  quickPolicy,
  until,
  type Opening,
} from '../../src/testing/job-engines.ts';

const { attemptsMax, deathsMax } = quickPolicy;
const nothing = { waiting: 0, delayed: 0, active: 0, dead: 0 };
const job = (id: string): Job => ({ id, name: 'effect', data: { about: id, size: 1 } });

/** @param place Answers a place for jobs that nobody has used yet. */
export function jobsContract(engine: string, place: (directory: string) => JobPlace) {
  describe(`jobs in ${engine}`, () => {
    let temporary: ReturnType<typeof temporaryDirectory>;
    let here: JobPlace;
    let opened: Jobs[];

    beforeEach(() => {
      temporary = temporaryDirectory();
      here = place(temporary.path);
      opened = [];
    });
    afterEach(async () => {
      for (const jobs of opened) await jobs.close();
      temporary.remove();
    });

    async function open(opening?: Opening): Promise<Jobs> {
      const jobs = await openJobs(here, opening);
      opened.push(jobs);
      return jobs;
    }

    async function close(jobs: Jobs): Promise<void> {
      opened = opened.filter((one) => one !== jobs);
      await jobs.close();
    }

    const work = (jobs: Jobs, handler: JobHandler) => jobs.work(new Map([['effect', handler]]));
    const isEmpty = async (jobs: Jobs) => Bun.deepEquals(await jobs.counts(), nothing);
    const hasDead = (jobs: Jobs, dead: number) => async () => (await jobs.counts()).dead === dead;

    test('a job is done once, with its data', async () => {
      const jobs = await open();
      const done: Job[] = [];
      work(jobs, async (one) => void done.push(one));
      await jobs.enqueue(job('a'));
      await until(() => isEmpty(jobs));
      expect(done).toEqual([job('a')]);
    });

    test('waits for somebody who works', async () => {
      const jobs = await open();
      await jobs.enqueue(job('a'));
      expect(await jobs.counts()).toEqual({ ...nothing, waiting: 1 });
    });

    test('one that is enqueued many times is done once, also after it is done', async () => {
      const jobs = await open();
      const done: string[] = [];
      await Promise.all(Array.from({ length: 20 }, () => jobs.enqueue(job('a'))));
      work(jobs, async ({ id }) => void done.push(id));
      await until(() => done.length > 0);
      await until(() => isEmpty(jobs));
      await jobs.enqueue(job('a'));
      await jobs.enqueue(job('b'));
      await until(() => done.includes('b'));
      await until(() => isEmpty(jobs));
      expect(done).toEqual(['a', 'b']);
    });

    test('many are done, so many at a time', async () => {
      const jobs = await open();
      const done: string[] = [];
      let active = 0;
      let most = 0;
      const gate = Promise.withResolvers<void>();
      const ids = Array.from({ length: concurrency * 4 }, (_, index) => `job-${index}`);
      await Promise.all(ids.map((id) => jobs.enqueue(job(id))));
      work(jobs, async ({ id }) => {
        active += 1;
        most = Math.max(most, active);
        await gate.promise;
        active -= 1;
        done.push(id);
      });
      await until(() => active === concurrency);
      expect((await jobs.counts()).active).toBe(concurrency);
      gate.resolve();
      await until(() => isEmpty(jobs));
      expect(most).toBe(concurrency);
      expect(done.toSorted()).toEqual(ids.toSorted());
    });

    test('one that fails is tried again after pauses that grow', async () => {
      const failures: JobFailure[] = [];
      // Longer than what an engine rounds a pause up to.
      const pauseFirstMs = 300;
      const jobs = await open({
        policy: { ...quickPolicy, pauseFirstMs },
        onFailed: (failure) => void failures.push(failure),
      });
      const triedAt: number[] = [];
      work(jobs, async () => {
        triedAt.push(Date.now());
        if (triedAt.length < attemptsMax) throw new Error('Not yet.');
      });
      await jobs.enqueue(job('a'));
      await until(() => triedAt.length === attemptsMax);
      await until(() => isEmpty(jobs));
      const pauses = triedAt.slice(1).map((at, index) => at - triedAt[index]!);
      pauses.forEach((pause, index) =>
        expect(pause).toBeGreaterThanOrEqual(pauseFirstMs * 2 ** index),
      );
      const failure = { id: 'a', name: 'effect', isDead: false };
      expect(failures).toEqual([
        { ...failure, attempts: 1 },
        { ...failure, attempts: 2 },
      ]);
    });

    test('one that keeps failing is dead, says why, and can be retried from the start', async () => {
      const failures: JobFailure[] = [];
      const jobs = await open({ onFailed: (failure) => void failures.push(failure) });
      let tries = 0;
      let isMended = false;
      work(jobs, async () => {
        tries += 1;
        if (!isMended || tries < attemptsMax * 2) throw new Error('The server is away.');
      });
      const before = new Date().toISOString();
      await jobs.enqueue(job('a'));
      await until(hasDead(jobs, 1));
      expect(tries).toBe(attemptsMax);
      await until(() => failures.length === attemptsMax);
      expect(failures.at(-1)).toMatchObject({ id: 'a', attempts: attemptsMax, isDead: true });
      const [dead, ...others] = await jobs.dead({ offset: 0, limit: 10 });
      expect(others).toEqual([]);
      expect(dead).toEqual({
        id: 'a',
        name: 'effect',
        attempts: attemptsMax,
        enqueuedAt: expect.any(String),
        diedAt: expect.any(String),
        reason: 'The server is away.',
      });
      expect(dead!.enqueuedAt >= before && dead!.diedAt >= dead!.enqueuedAt).toBe(true);

      await jobs.enqueue(job('a'));
      expect(await jobs.counts()).toEqual({ ...nothing, dead: 1 });
      isMended = true;
      expect(await jobs.retry('a')).toBe('retried');
      await until(() => isEmpty(jobs));
      expect(tries).toBe(attemptsMax * 2);
      expect(await jobs.dead({ offset: 0, limit: 10 })).toEqual([]);
    });

    test('one that no attempt can mend is dead at once', async () => {
      const jobs = await open();
      let tries = 0;
      work(jobs, async () => {
        tries += 1;
        throw new HopelessJob('There is no such mailbox.');
      });
      await jobs.enqueue(job('a'));
      await until(hasDead(jobs, 1));
      expect(tries).toBe(1);
      const dead = await jobs.dead({ offset: 0, limit: 10 });
      expect(dead).toMatchObject([{ id: 'a', attempts: 1, reason: 'There is no such mailbox.' }]);
    });

    test('one of a name without a handler fails as any other', async () => {
      const jobs = await open();
      work(jobs, async () => {});
      await jobs.enqueue({ ...job('a'), name: 'unheard-of' });
      await until(hasDead(jobs, 1));
      expect(await jobs.dead({ offset: 0, limit: 10 })).toMatchObject([
        { attempts: attemptsMax, reason: "Nothing here does 'unheard-of'." },
      ]);
    });

    test('the dead come newest first, in pages', async () => {
      const jobs = await open();
      work(jobs, async () => {
        throw new HopelessJob('No.');
      });
      for (const [index, id] of ['a', 'b', 'c'].entries()) {
        await jobs.enqueue(job(id));
        await until(hasDead(jobs, index + 1));
        const diedAt = (await jobs.dead({ offset: 0, limit: 1 }))[0]!.diedAt;
        await until(() => new Date().toISOString() > diedAt);
      }
      const idsOf = async (offset: number) =>
        (await jobs.dead({ offset, limit: 2 })).map(({ id }) => id);
      expect([await idsOf(0), await idsOf(2), await idsOf(4)]).toEqual([['c', 'b'], ['a'], []]);
    });

    test('only what is dead can be retried', async () => {
      const jobs = await open();
      await jobs.enqueue(job('a'));
      expect(await jobs.retry('a')).toBe('not-dead');
      expect(await jobs.retry('nobody')).toBe('unknown');
      let tries = 0;
      work(jobs, async () => void (tries += 1));
      await until(() => isEmpty(jobs));
      expect(await jobs.retry('a')).toBe('not-dead');
      expect(tries).toBe(1);
    });

    test('closing waits for the job at hand and leaves the others for the next', async () => {
      const jobs = await open();
      const gate = Promise.withResolvers<void>();
      const begun: string[] = [];
      const done: string[] = [];
      work(jobs, async ({ id }) => {
        begun.push(id);
        await gate.promise;
        done.push(id);
      });
      const ids = Array.from({ length: concurrency + 2 }, (_, index) => `job-${index}`);
      await Promise.all(ids.map((id) => jobs.enqueue(job(id))));
      await until(() => begun.length === concurrency);
      let isClosed = false;
      const closing = close(jobs).then(() => (isClosed = true));
      await new Promise<void>((resolve) => setImmediate(resolve));
      expect(isClosed).toBe(false);
      gate.resolve();
      await closing;
      expect(done).toHaveLength(concurrency);
      expect(begun).toHaveLength(concurrency);

      const next = await open();
      work(next, async ({ id }) => void done.push(id));
      await until(() => isEmpty(next));
      expect(done.toSorted()).toEqual(ids);
    });

    describe('a process that is killed', () => {
      async function dies(at: Dying['at']): Promise<void> {
        const dying: Dying = { place: here, effects: temporary.path, at };
        const child = Bun.spawn(
          [
            process.execPath,
            join(import.meta.dir, '../../src/testing/dying-worker.ts'),
            JSON.stringify(dying),
          ],
          { stdout: 'pipe', stderr: 'inherit' },
        );
        const { value } = await child.stdout.getReader().read();
        expect(new TextDecoder().decode(value)).toBe('now\n');
        child.kill('SIGKILL');
        await child.exited;
      }

      const effects = () => readdirSync(temporary.path).filter((name) => name === 'a');

      test('right after it enqueued a job has not lost it', async () => {
        await dies('enqueued');
        const jobs = await open();
        expect(await jobs.counts()).toEqual({ ...nothing, waiting: 1 });
      });

      test.each(['before the effect', 'after the effect'] as const)(
        'in the middle of a job, %s, leaves the effect there once',
        async (at) => {
          const jobs = await open();
          await jobs.enqueue(job('a'));
          await close(jobs);
          await dies(at);
          expect(effects()).toEqual(at === 'after the effect' ? ['a'] : []);
          const next = await open();
          let tries = 0;
          work(next, async (one) => {
            tries += 1;
            leaveEffect(temporary.path, one);
          });
          await until(() => isEmpty(next));
          expect(effects()).toEqual(['a']);
          expect(tries).toBe(1);
        },
      );

      test(`over the same job ${deathsMax} times leaves it dead`, async () => {
        const jobs = await open();
        await jobs.enqueue(job('a'));
        await close(jobs);
        for (let death = 0; death < deathsMax; death += 1) await dies('before the effect');
        const next = await open();
        let tries = 0;
        work(next, async () => void (tries += 1));
        await until(hasDead(next, 1));
        expect(tries).toBe(0);
        const [dead] = await next.dead({ offset: 0, limit: 10 });
        expect(dead!.reason).toMatch(/died|stalled/);
        expect(await next.retry('a')).toBe('retried');
        await until(() => isEmpty(next));
        expect(tries).toBe(1);
      });
    });
  });
}
