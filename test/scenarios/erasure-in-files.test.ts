// What is left of somebody who was erased, byte by byte, in everything that a server keeps on its disk: also when it
// was killed in the middle, and when files from before come back.
import { Database } from 'bun:sqlite';
import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { copyFileSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { takeRebuildFile } from '../../src/storage/sqlite/rebuild-files.ts';
import { caughtUp, reactedToAll, signUpActors } from '../../src/testing/actors.ts';
import { runCommand } from '../../src/testing/command-line.ts';
import { differences, dumpReadModels, foldReadModels } from '../../src/testing/rows.ts';
import { signIn, signUp, spawnServer, temporaryDirectory } from '../../src/testing/server.ts';
import { until } from '../../src/testing/until.ts';
import { send } from '../http/requests.ts';

setDefaultTimeout(60_000);

const room = 'lobby';

type Server = Awaited<ReturnType<typeof spawnServer>>;
type Person = Awaited<ReturnType<typeof signUp>> & {
  /** What must be found nowhere once they are erased. */
  readonly traces: readonly string[];
};

let temporary: ReturnType<typeof temporaryDirectory>;
let directory: string;
let servers: Server[];

beforeEach(() => {
  temporary = temporaryDirectory();
  directory = temporary.path;
  servers = [];
});

afterEach(async () => {
  for (const { child } of servers) child.kill('SIGKILL');
  await Promise.all(servers.map(({ child }) => child.exited));
  temporary.remove();
});

async function start(): Promise<Server> {
  const server = await spawnServer(directory, { LOG_LEVEL: 'trace' });
  servers.push(server);
  return server;
}

async function stop({ child }: Server): Promise<void> {
  child.kill('SIGTERM');
  expect(await child.exited).toBe(0);
}

async function kill({ child }: Server): Promise<void> {
  child.kill('SIGKILL');
  await child.exited;
}

const unique = (what: string, length = 0) =>
  `${what} ${crypto.randomUUID()} ${'abcdefghij'.repeat(length / 10)}`.trim();

/** Somebody who leaves traces of every kind. */
async function somebody(url: string): Promise<Person> {
  const person = await signUp(url, { name: unique('Name', 60) });
  const { client, accessToken: token } = person;
  const renamed = unique('Renamed', 120);
  await client.profile.patch({ name: renamed });
  const texts = [unique('short'), unique('longer', 900), unique('longest', 3_900)];
  for (const text of texts) {
    const headers = { 'idempotency-key': crypto.randomUUID() };
    await send(url, `POST /chat/${room}/messages`, { token, json: { text }, headers });
  }
  const { wrapped_key: key } = rows('vault', 'SELECT wrapped_key FROM persons WHERE id = ?', [
    person.user.id,
  ])[0] as { wrapped_key: string };
  const { password_hash: hash } = rows(
    'vault',
    'SELECT password_hash FROM credentials WHERE person_id = ?',
    [person.user.id],
  )[0] as { password_hash: string };
  return { ...person, traces: [person.email, person.user.name, renamed, ...texts, key, hash] };
}

function rows(store: string, sql: string, values: readonly string[] = []) {
  const database = new Database(join(directory, `${store}.db`), { readonly: true });
  try {
    return database.query<Record<string, unknown>, string[]>(sql).all(...values);
  } finally {
    database.close();
  }
}

/** Rows keep what is searched for in lower case. */
function filesHolding(traces: readonly string[]): readonly string[] {
  const wanted = traces.map((trace) => trace.toLowerCase());
  return readdirSync(directory).flatMap((file) => {
    const content = contentOf(file).toString('latin1').toLowerCase();
    return wanted.filter((trace) => content.includes(trace)).map((trace) => `${file}: ${trace}`);
  });
}

/** A socket cannot be read, and SQLite may remove a file at any moment. */
function contentOf(file: string): Buffer {
  try {
    return readFileSync(join(directory, file));
  } catch (error) {
    const { code } = error as { code?: string };
    if (code !== 'ENOENT' && code !== 'ENXIO') throw error;
    return Buffer.alloc(0);
  }
}

/** Holds up whoever writes to a store. */
function blockWriters(store: string) {
  const database = new Database(join(directory, `${store}.db`));
  database.run('BEGIN IMMEDIATE');
  return () => {
    database.run('ROLLBACK');
    database.close();
  };
}

const eraseSelf = (url: string, token: string) => send(url, 'DELETE /profile', { token });

async function expectGone(url: string, { email, accessToken, traces, user }: Person) {
  expect(filesHolding(traces)).toEqual([]);
  expect(rows('vault', 'SELECT id FROM persons WHERE id = ?', [user.id])).toEqual([]);
  expect((await send(url, 'GET /profile', { token: accessToken })).status).toBe(401);
  const json = { email, password: 'a long enough password' };
  expect((await send(url, 'POST /auth/login', { json })).status).toBe(401);
}

/** The rows are those that the log makes. */
async function expectRowsOfTheLog(url: string, token: string) {
  await caughtUp(url, token, await reactedToAll(directory));
  expect(differences(await dumpReadModels(directory), await foldReadModels(directory))).toEqual([]);
}

describe('of people who were erased among others', () => {
  test('nothing is left, and replayed the log gives the rows that are there', async () => {
    const server = await start();
    const { admin } = await signUpActors({ url: server.url, directory }, 1);
    const people: Person[] = [];
    for (let index = 0; index < 30; index += 1) people.push(await somebody(server.url));
    const erased = people.filter((_, index) => index % 3 !== 0);
    const others = people.filter((_, index) => index % 3 === 0);
    // Whatever is looked for below can be found as long as it is there.
    expect(filesHolding(erased.flatMap(({ traces }) => traces)).length).toBeGreaterThan(
      erased.length * 6,
    );

    for (const [index, { user, accessToken }] of erased.entries()) {
      const path = `DELETE /admin/users/${user.id}` as const;
      const response =
        index % 2 === 0
          ? await eraseSelf(server.url, accessToken)
          : await send(server.url, path, { token: admin.accessToken });
      expect(response.status).toBe(204);
    }

    const traces = erased.flatMap((one) => one.traces);
    expect(filesHolding(traces)).toEqual([]);
    for (const one of others) expect(filesHolding(one.traces).length).toBeGreaterThan(5);
    await expectRowsOfTheLog(server.url, admin.accessToken);
    const before = await dumpReadModels(directory);
    await stop(server);
    for (const trace of [...traces, ...others.flatMap((one) => one.traces)])
      expect(server.log().includes(trace)).toBe(false);
    expect(filesHolding(traces)).toEqual([]);

    expect(await runCommand(['verify'], { directory })).toMatchObject({ exitCode: 0 });
    expect(await runCommand(['replay'], { directory })).toMatchObject({ exitCode: 0 });
    expect(differences(await dumpReadModels(directory), before)).toEqual([]);
    expect(filesHolding(traces)).toEqual([]);

    const next = await start();
    for (const { accessToken } of erased) {
      expect((await send(next.url, 'GET /profile', { token: accessToken })).status).toBe(401);
    }
    for (const { email } of others) expect((await signIn(next.url, email)).cookie).not.toBe('');
  });
});

describe('a server that is killed while somebody is erased', () => {
  let server: Server;
  let admin: Awaited<ReturnType<typeof signUpActors>>['admin'];
  let ada: Person;

  beforeEach(async () => {
    server = await start();
    ({ admin } = await signUpActors({ url: server.url, directory }, 1));
    ada = await somebody(server.url);
    await somebody(server.url);
  });

  const isErasedInLog = () =>
    rows('log', "SELECT position FROM events WHERE type = 'UserErased'").length > 0;

  test('when the log knows it and the vault does not: the start removes them', async () => {
    const release = blockWriters('vault');
    const answer = eraseSelf(server.url, ada.accessToken).catch(() => undefined);
    await until(isErasedInLog);
    await kill(server);
    await answer;
    release();
    expect(rows('vault', 'SELECT id FROM persons WHERE id = ?', [ada.user.id])).toHaveLength(1);

    const next = await start();
    await expectRowsOfTheLog(next.url, admin.accessToken);
    await expectGone(next.url, ada);
  });

  test('when the vault knows it and the rows do not: the start clears them', async () => {
    const release = blockWriters('read-model');
    const answer = eraseSelf(server.url, ada.accessToken).catch(() => undefined);
    await until(
      () => rows('vault', 'SELECT id FROM persons WHERE id = ?', [ada.user.id]).length === 0,
    );
    await kill(server);
    await answer;
    release();
    expect(rows('read-model', 'SELECT id FROM users WHERE id = ?', [ada.user.id])).toHaveLength(1);

    const next = await start();
    await expectRowsOfTheLog(next.url, admin.accessToken);
    await expectGone(next.url, ada);
  });

  test('when the rows are cleared and the file holds them still: the start overwrites it', async () => {
    // A reader on an old snapshot keeps the WAL from being emptied.
    const reader = new Database(join(directory, 'read-model.db'), { readonly: true });
    reader.run('BEGIN');
    reader.query('SELECT count(*) FROM users').get();
    const answer = eraseSelf(server.url, ada.accessToken).catch(() => undefined);
    await until(
      () => rows('read-model', 'SELECT id FROM users WHERE id = ?', [ada.user.id]).length === 0,
    );
    await kill(server);
    await answer;
    reader.close();
    expect(filesHolding(ada.traces)).not.toEqual([]);

    const next = await start();
    await expectRowsOfTheLog(next.url, admin.accessToken);
    await expectGone(next.url, ada);
  });

  test('at any moment: after the next start they are there, or gone without a trace', async () => {
    for (let round = 0; round < 5; round += 1) {
      const eve = await somebody(server.url);
      const answer = eraseSelf(server.url, eve.accessToken).catch(() => undefined);
      for (let turns = round * 25; turns > 0; turns -= 1)
        await new Promise<void>((resolve) => setImmediate(resolve));
      await kill(server);
      const status = (await answer)?.status;
      server = await start();
      await expectRowsOfTheLog(server.url, admin.accessToken);
      const isErased =
        rows('log', "SELECT position FROM events WHERE type = 'UserErased' AND stream = ?", [
          `user-${eve.user.id}`,
        ]).length > 0;
      if (status === 204) expect(isErased).toBe(true);
      if (isErased) await expectGone(server.url, eve);
      else expect((await signIn(server.url, eve.email)).accessToken).toBeString();
    }
  });
});

describe('files from before', () => {
  test('a vault from a backup: the start removes again whom the log says to be erased', async () => {
    const server = await start();
    const ada = await somebody(server.url);
    await stop(server);
    const backup = join(directory, 'vault.backup');
    copyFileSync(join(directory, 'vault.db'), backup);

    const second = await start();
    expect(
      (await eraseSelf(second.url, (await signIn(second.url, ada.email)).accessToken)).status,
    ).toBe(204);
    await stop(second);
    copyFileSync(backup, join(directory, 'vault.db'));
    expect(rows('vault', 'SELECT id FROM persons WHERE id = ?', [ada.user.id])).toHaveLength(1);
    await Bun.file(backup).delete();

    const third = await start();
    await expectGone(third.url, ada);
  });

  test('a rebuild that was interrupted is removed, one that is running once it has ended', async () => {
    const server = await start();
    const { admin } = await signUpActors({ url: server.url, directory }, 1);
    const ada = await somebody(server.url);
    const running = takeRebuildFile(directory, ['products']);
    const interrupted = join(directory, 'rebuild-users.db');
    await caughtUp(server.url, admin.accessToken, await reactedToAll(directory));
    for (const file of [running.file, interrupted]) {
      const copy = new Database(join(directory, 'read-model.db'));
      copy.run('VACUUM INTO ?', [file]);
      copy.close();
    }
    expect((await eraseSelf(server.url, ada.accessToken)).status).toBe(204);
    expect(existsSync(interrupted)).toBe(false);
    expect(existsSync(running.file)).toBe(true);
    running.release();
    await until(() => !existsSync(running.file));
    expect(filesHolding(ada.traces)).toEqual([]);
  });
});
