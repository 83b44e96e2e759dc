// Opens the queue that keeps the jobs.
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Config } from './config.ts';
import type { Jobs } from './kernel/jobs.ts';
import type { BullBackend } from './storage/bullmq/jobs.ts';
import { systemClock as clock } from './storage/clock.ts';
import type { Digest } from './storage/digest.ts';
import type { JobReports } from './storage/job-reports.ts';
import { deploymentPrefix } from './storage/redis/prefix.ts';
import { openSqliteJobs } from './storage/sqlite/jobs.ts';

/** Shared where nodes share anything, else in the data directory. Only what is used is loaded. */
export async function openJobs(config: Config, digest: Digest, logger: Logger): Promise<Jobs> {
  const { redisUrl, database, dataDirectory } = config;
  const reports = reportsTo(logger);
  if (redisUrl !== undefined) {
    const { redisBackend } = await import('./storage/bullmq/redis.ts');
    return await openShared(redisBackend(redisUrl, deploymentPrefix(digest)), reports);
  }
  if (database.engine === 'postgres') {
    const { postgresBackend } = await import('./storage/bullmq/postgres.ts');
    return await openShared(postgresBackend(database.url), reports);
  }
  return await openSqliteJobs({ ...reports, file: join(dataDirectory, 'jobs.db'), clock });
}

async function openShared(backend: BullBackend, reports: JobReports): Promise<Jobs> {
  const { openBullJobs } = await import('./storage/bullmq/jobs.ts');
  return openBullJobs({ ...reports, backend });
}

/** A service that is away says so again and again; the log says it once, until it changes. */
function reportsTo(logger: Logger): JobReports {
  let lastTrouble = '';
  return {
    onFailed({ isDead, ...job }, err) {
      lastTrouble = '';
      if (isDead) logger.error({ ...job, err }, 'a job is dead');
      else logger.warn({ ...job, err }, 'a job failed and will be tried again');
    },
    onTrouble(err) {
      const trouble = err instanceof Error ? err.message : String(err);
      if (trouble === lastTrouble) return;
      lastTrouble = trouble;
      logger.warn({ err }, 'the queue of jobs has trouble');
    },
  };
}
