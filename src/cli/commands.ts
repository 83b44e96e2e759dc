// What each command of the command line does, beyond serving.
import { Value } from '@sinclair/typebox/value';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readConfig, type Secrets } from '../config.ts';
import { Email, Name } from '../http/schemas.ts';
import type { EventLog } from '../kernel/event-log.ts';
import { migratePostgresRows } from '../postgres-rows.ts';
import { projections } from '../projections/index.ts';
import { rebuildReadModels } from '../read-side.ts';
import { readSideSettings } from '../reads.ts';
import { developmentSecrets } from '../secrets.ts';
import { createKeyEncryption } from '../storage/key-encryption.ts';
import { openingFailure } from '../storage/postgres/connection.ts';
import { openPostgresLog } from '../storage/postgres/event-log.ts';
import { migrateSchemas } from '../storage/postgres/migrate.ts';
import { openLogReader } from '../storage/sqlite/event-log.ts';
import { openReadModel } from '../storage/sqlite/read-model.ts';
import { migrateFileOfJobs } from '../storage/sqlite/job-table.ts';
import { openSqliteStorage } from '../storage/sqlite/storage.ts';
import { verifyLog } from '../storage/verify.ts';
import { Refusal, UsageError } from './failure.ts';
import { readPassword } from './password.ts';
import { progressBar } from './progress.ts';
import { runJob } from './run-job.ts';
import type { Seed } from './seed.ts';

const say = (line: string): void => void process.stdout.write(`${line}\n`);

type Admin = { readonly email: string; readonly name: string };

/** Whoever registers over HTTP is held to the same. */
function refuseOddAdmin({ email, name }: Admin): void {
  if (!Value.Check(Email, email)) throw new UsageError(`--email must be ${Email['mustBe']}.`);
  if (!Value.Check(Name, name)) throw new UsageError(`--name must be ${Name['mustBe']}.`);
}

export async function createAdmin({ email, name }: Admin): Promise<void> {
  refuseOddAdmin({ email, name });
  let { outcome } = await runJob('create-admin', { email, name, password: null });
  if (outcome === 'password-needed') {
    const password = await readPassword(`Password for ${email.trim()}: `);
    ({ outcome } = await runJob('create-admin', { email, name, password }));
  }
  switch (outcome) {
    case 'created':
      return say(`${email.trim()} is an admin now.`);
    case 'promoted':
      return say(`${email.trim()} had an account and is an admin now; the password is unchanged.`);
    case 'already-admin':
      return say(`${email.trim()} is an admin already.`);
    default:
      throw new UsageError(
        'A password has 8 to 256 characters and is none that everybody tries first.',
      );
  }
}

export async function seed(wanted: Seed): Promise<void> {
  const bar = progressBar('Seeding');
  try {
    const { users, products, messages, password } = await runJob('seed', wanted, bar.update);
    bar.stop();
    say(`${users} users, ${products} products, ${messages} messages.`);
    if (users > 0) say(`Each of these users signs in with the password ${password}`);
  } finally {
    bar.stop();
  }
}

export async function rotateKeys(): Promise<void> {
  const { currentId } = createKeyEncryption(secretsHere().crypto);
  const { wrapped, unchanged } = await runJob('rotate-keys', { keyId: currentId });
  say(`${wrapped} keys were wrapped anew, ${unchanged} were so already.`);
  say('The first secret of CRYPTO_SECRET opens all of them now; the later ones may go.');
}

export async function replay(wanted: readonly string[]): Promise<void> {
  const known = projections.map(({ name }) => name);
  const unknown = wanted.filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    throw new UsageError(
      `There is no projection ${unknown.join(', ')}. There are: ${known.join(', ')}.`,
    );
  }
  const settings = settingsOfReads();
  const log = await openLog();
  const head = await log.head();
  await log.close();
  const bar = progressBar('Replaying');
  bar.update(0, head);
  try {
    const names = wanted.length > 0 ? wanted : known;
    await rebuildReadModels(settings, names, {
      onProgress: (position) => bar.update(position, head),
    });
    bar.stop();
    say(`Rebuilt ${names.join(', ')} from ${head} events.`);
  } finally {
    bar.stop();
  }
}

export async function verify(): Promise<void> {
  const log = await openLog();
  const head = await log.head();
  const bar = progressBar('Verifying');
  try {
    const hash = await verifyLog(log, (position) => bar.update(position, head));
    bar.stop();
    say(`The hash chain holds over ${head} events; the last hash is ${hash}.`);
  } finally {
    bar.stop();
    await log.close();
  }
}

export async function migrate(): Promise<void> {
  const { database, dataDirectory } = readConfig(process.env);
  if (database.engine === 'postgres') {
    await migrateLogAndVault(database.url);
    await migratePostgresRows(database.url);
    return say('The stores in the database are up to date.');
  }
  const storage = await openSqliteStorage(dataDirectory, () => {});
  openReadModel(join(dataDirectory, 'read-model.db')).close();
  migrateFileOfJobs(join(dataDirectory, 'jobs.db'));
  await storage.close();
  say(`The stores in ${dataDirectory} are up to date.`);
}

/** @throws DatabaseUnavailable */
async function migrateLogAndVault(url: string): Promise<void> {
  try {
    await migrateSchemas(url);
  } catch (error) {
    throw openingFailure(error, url);
  }
}

/** Writes what both dialects lack of the declared tables; the kit asks no database for it. */
export async function generate(): Promise<void> {
  for (const url of ['sqlite:.', 'postgres://localhost/any']) {
    await drizzleKit(['generate'], { DATABASE_URL: url });
    if (process.exitCode !== 0) return;
  }
}

/** Changes tables as they are declared now; in PostgreSQL the schema has to be there first. */
export async function push(): Promise<void> {
  const { database } = readConfig(process.env);
  if (database.engine === 'postgres') await migratePostgresRows(database.url);
  await drizzleKit(['push']);
}

/** Passes on to drizzle-kit, which knows the read models' tables. */
export async function drizzleKit(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<void> {
  const child = Bun.spawn(['bun', '--bun', 'x', 'drizzle-kit', ...args], {
    stdio: ['inherit', 'inherit', 'inherit'],
    env: { ...process.env, ...environment },
  });
  process.exitCode = await child.exited;
}

function settingsOfReads() {
  return readSideSettings({ ...readConfig(process.env), cryptoSecrets: secretsHere().crypto });
}

function secretsHere(): Secrets {
  const { secrets, dataDirectory } = readConfig(process.env);
  return secrets ?? developmentSecrets(dataDirectory);
}

type Log = Pick<EventLog, 'readAll' | 'head'> & { readonly close: () => void | Promise<void> };

/** The log as it is; there has to be one. */
async function openLog(): Promise<Log> {
  const { database, dataDirectory } = readConfig(process.env);
  if (database.engine === 'postgres') {
    await migrateLogAndVault(database.url);
    return openPostgresLog(database.url);
  }
  if (existsSync(join(dataDirectory, 'log.db')))
    return openLogReader(join(dataDirectory, 'log.db'));
  throw new Refusal(`There is no log in ${dataDirectory}.`);
}
