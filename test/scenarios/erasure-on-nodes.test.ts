// Somebody is erased on one of two nodes, which share PostgreSQL and Redis: no row of any table holds anything of them,
// nor does Redis, and the other node knows of it.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import postgres from 'postgres';
import type { Position } from '../../src/kernel/stream.ts';
import { openPostgresRebuild } from '../../src/postgres-rows.ts';
import { usersProjection } from '../../src/projections/users.ts';
import { freshDatabase, type TestDatabase } from '../../src/testing/postgres.ts';
import { startRedis, type TestRedis } from '../../src/testing/redis.ts';
import {
  promote,
  signUp,
  startServer,
  temporaryDirectory,
  type TestServer,
} from '../../src/testing/server.ts';
import { openChat, openEventStream } from '../../src/testing/streams.ts';
import { until } from '../../src/testing/until.ts';
import { eventually, positionOf, send } from '../http/requests.ts';

setDefaultTimeout(60_000);

const room = 'lobby';
const secondMs = 1_000;
const temporary = temporaryDirectory();
let database: TestDatabase;
let redis: TestRedis;
let one: TestServer;
let other: TestServer;
let admin: Awaited<ReturnType<typeof promote>>;
let sql: postgres.Sql;

beforeAll(async () => {
  [database, redis] = await Promise.all([freshDatabase(), startRedis()]);
  const config = { engine: 'postgres', url: database.url } as const;
  const startNode = () =>
    startServer({
      directory: temporary.path,
      database: config,
      redisUrl: redis.url,
      cachesAnswers: true,
    });
  one = await startNode();
  other = await startNode();
  sql = postgres(database.url, { max: 1, onnotice() {} });
  const first = await signUp(one.url);
  admin = await promote(one, first.user.id, first.email);
});
afterAll(async () => {
  await sql.end();
  await Promise.all([one.stop(), other.stop()]);
  await Promise.all([database.drop(), redis.stop()]);
  temporary.remove();
});

type Person = Awaited<ReturnType<typeof somebody>>;

/** Somebody who leaves traces of every kind, in the caches of both nodes, too. */
async function somebody() {
  const person = await signUp(one.url, { name: `Name ${crypto.randomUUID()}` });
  const { client, accessToken: token } = person;
  const renamed = `Renamed ${crypto.randomUUID()}`;
  await client.profile.patch({ name: renamed });
  const text = `Text ${crypto.randomUUID()}`;
  const headers = { 'idempotency-key': crypto.randomUUID() };
  await send(one.url, `POST /chat/${room}/messages`, { token, json: { text }, headers });
  for (const node of [one, other, one, other])
    expect((await send(node.url, 'GET /profile', { token })).status).toBe(200);
  const [key] =
    await sql`SELECT wrapped_key AS key FROM vault.persons WHERE id = ${person.user.id}`;
  return { ...person, traces: [person.email, person.user.name, renamed, text, key!['key']] };
}

/** Every row of every table of every schema, as `pg_dump` would write it. */
async function everyRow(): Promise<string> {
  const tables = await sql<{ place: string }[]>`
    SELECT format('%I.%I', table_schema, table_name) AS place FROM information_schema.tables
    WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema')`;
  const parts: string[] = [];
  for (const { place } of tables) {
    const rows = await sql.unsafe<{ text: string }[]>(`SELECT t::text AS text FROM ${place} t`);
    parts.push(...rows.map(({ text }) => `${place}: ${text}`));
  }
  return parts.join('\n').toLowerCase();
}

async function tracesIn({ traces }: Person): Promise<readonly string[]> {
  const [rows, cached] = [await everyRow(), JSON.stringify(await redis.contents()).toLowerCase()];
  return traces.filter((trace: string) => {
    const wanted = trace.toLowerCase();
    return rows.includes(wanted) || cached.includes(wanted);
  });
}

const eraseSelf = (node: TestServer, token: string) => send(node.url, 'DELETE /profile', { token });

const isRefused = (node: TestServer, token: string) =>
  eventually(
    () => send(node.url, 'GET /profile', { token }),
    ({ status }) => status === 401,
  );

describe('somebody who is erased on one node', () => {
  test('is in no row of any table and in no key of Redis', async () => {
    const [ada, bob] = [await somebody(), await somebody()];
    // The name that was changed stands in the log alone, sealed.
    expect(await tracesIn(ada)).toHaveLength(ada.traces.length - 1);
    expect((await eraseSelf(one, ada.accessToken)).status).toBe(204);
    expect(await tracesIn(ada)).toEqual([]);
    expect(await tracesIn(bob)).toHaveLength(bob.traces.length - 1);
    const [left] = await sql`
      SELECT (SELECT count(*) FROM vault.credentials WHERE person_id = ${ada.user.id}) +
        (SELECT count(*) FROM vault.sessions WHERE person_id = ${ada.user.id}) +
        (SELECT count(*) FROM vault.answers WHERE person_id = ${ada.user.id}) AS count`;
    expect(Number(left!['count'])).toBe(0);
  });

  test('is signed out of the other within a second, and cut off from it', async () => {
    const ada = await somebody();
    const { accessToken: token } = ada;
    const stream = await openEventStream(other.url, { token });
    const chat = openChat(other.url, { room, token });
    await chat.opened;
    const erased = await eraseSelf(one, token);
    const from = performance.now();
    await isRefused(other, token);
    expect(performance.now() - from).toBeLessThan(secondMs);
    expect(await stream.ended).toBe('ended');
    expect((await chat.closed).code).toBe(4401);
    expect(
      (await send(other.url, 'POST /auth/refresh', { headers: { cookie: ada.cookie } })).status,
    ).toBe(401);

    const late = await openEventStream(other.url, { token: admin.accessToken, after: 0 });
    await late.until(() => late.positions().includes(positionOf(erased)));
    const shown = JSON.stringify(late.frames);
    for (const trace of ada.traces) expect(shown).not.toContain(trace);
    await late.cut();
  });

  test('is erased to the end by whoever meets the event, if that node dies', async () => {
    const ada = await somebody();
    const { id } = ada.user;
    const context = { actorId: id, correlationId: 'test', causationId: 'test' };
    // What the node does before it dies.
    await one.application.edge.commands.users(id, { type: 'EraseUser', userId: id }, context);
    await until(async () => (await sql`SELECT FROM vault.persons WHERE id = ${id}`).length === 0);
    await isRefused(other, ada.accessToken);
    await isRefused(one, ada.accessToken);
    await until(async () => (await tracesIn(ada)).length === 0);
  });

  test('is in no rebuild that was left unfinished, and in none that is running once it has ended', async () => {
    const ada = await somebody();
    const [interrupted, running] = await Promise.all([
      openPostgresRebuild(database.url, [usersProjection]),
      openPostgresRebuild(database.url, [{ ...usersProjection, name: 'others' }]),
    ]);
    const places = async () =>
      await sql`SELECT nspname FROM pg_namespace WHERE starts_with(nspname, 'read_model_rebuild_')`;
    for (const { nspname: place } of await places())
      await sql.unsafe(`INSERT INTO "${place}".users SELECT * FROM read_model.users`);
    await interrupted.close();
    expect(await places()).toHaveLength(2);
    await eraseSelf(one, ada.accessToken);
    expect(await places()).toHaveLength(1);
    await running.close();
    await until(async () => (await places()).length === 0);
    expect(await tracesIn(ada)).toEqual([]);
  });

  test('is not back after a rebuild, which gives the rows that are there', async () => {
    const ada = await somebody();
    await eraseSelf(other, ada.accessToken);
    const rowsOf = (table: string) =>
      sql.unsafe<{ text: string }[]>(
        `SELECT t::text AS text FROM read_model.${table} t ORDER BY 1`,
      );
    const buildOf = async (name: string) =>
      (await sql`SELECT build FROM read_model.checkpoints WHERE projection = ${name}`)[0]!['build'];
    for (const name of ['users', 'messages', 'notifications']) {
      const [before, build] = [[...(await rowsOf(name))], await buildOf(name)];
      await admin.client.admin.projections({ name }).rebuild.post();
      await until(async () => (await buildOf(name)) !== build);
      expect([...(await rowsOf(name))]).toEqual(before);
    }
    expect(await tracesIn(ada)).toEqual([]);
  });

  test('is removed again from a vault that comes from a backup, by the next start', async () => {
    const ada = await somebody();
    const { id } = ada.user;
    const [kept] =
      await sql`SELECT id, key_id, wrapped_key, is_confirmed FROM vault.persons WHERE id = ${id}`;
    const head = (await one.application.edge.live.head()) as Position;
    await eraseSelf(one, ada.accessToken);
    await until(async () => (await sql`SELECT FROM vault.persons WHERE id = ${id}`).length === 0);
    await sql`INSERT INTO vault.persons ${sql(kept!)}`;
    await sql`UPDATE vault.erasures SET through = ${head}`;
    const third = await startServer({
      directory: temporary.path,
      database: { engine: 'postgres', url: database.url },
    });
    await third.stop();
    expect(await sql`SELECT FROM vault.persons WHERE id = ${id}`).toHaveLength(0);
  });
});
