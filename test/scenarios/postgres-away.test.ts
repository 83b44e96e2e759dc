// The database is stopped and started again under a server, which needs no restart.
import { afterAll, expect, setDefaultTimeout, test } from 'bun:test';
import { startPostgres } from '../../scripts/postgres.ts';
import { signUp, startServer } from '../../src/testing/server.ts';
import { openEventStream } from '../../src/testing/streams.ts';
import { eventually, newSku, send } from '../http/requests.ts';

setDefaultTimeout(120_000);

const postgres = await startPostgres();
const server = await startServer({ database: { engine: 'postgres', url: postgres.url } });

afterAll(async () => {
  await server.stop();
  await postgres.stop();
});

test('while the database is away commands and reads answer 503, and all goes on when it is back', async () => {
  const { accessToken: token } = await signUp(server.url);
  const key = { 'idempotency-key': crypto.randomUUID() };
  const json = { name: 'Mug', price: 1, sku: newSku() };
  const create = () => send(server.url, 'POST /products', { token, json, headers: key });
  const list = () => send(server.url, 'GET /products', { token });
  const ready = () => send(server.url, 'GET /ready');
  const stream = await openEventStream(server.url, { token, query: 'types=ProductCreated' });

  await postgres.stop();
  const away = await Promise.all([create(), list(), ready()]);
  expect(away.map(({ status }) => status)).toEqual([503, 503, 503]);
  expect(away[0]!.headers.get('retry-after')).toMatch(/^[1-9]/);
  expect((await send(server.url, 'GET /health')).status).toBe(200);

  await postgres.restart();
  await eventually(ready, ({ status }) => status === 200);
  const made = await eventually(create, ({ status }) => status !== 503);
  expect(made.status).toBe(201);
  const { id } = (await made.json()) as { id: string };
  expect(await (await create()).json()).toMatchObject({ id });
  const read = await send(server.url, `GET /products/${id}`, { token });
  expect(read.status).toBe(200);
  await stream.received(1);
  expect(stream.events().map((event) => event.stream)).toEqual([`product-${id}`]);
  await stream.cut();
});
