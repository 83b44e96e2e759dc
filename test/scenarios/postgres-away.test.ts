// The database is stopped and started again under a server, or says nothing for a while: no restart is needed.
import { afterAll, expect, setDefaultTimeout, test } from 'bun:test';
import connect from 'postgres';
import { startPostgres } from '../../scripts/postgres.ts';
import { startCuttingProxy } from '../../src/testing/cutting-proxy.ts';
import { signUp, startServer, testPassword } from '../../src/testing/server.ts';
import { openEventStream } from '../../src/testing/streams.ts';
import { eventually, expectProblem, newSku, send } from '../http/requests.ts';

setDefaultTimeout(120_000);

const postgres = await startPostgres();
const { hostname: host, port } = new URL(postgres.url);
const proxy = await startCuttingProxy({ host, port: Number(port) }, () => Number.POSITIVE_INFINITY);
const url = new URL(postgres.url);
url.port = String(proxy.port);
const server = await startServer({ database: { engine: 'postgres', url: url.href } });

afterAll(async () => {
  await server.stop();
  await proxy.close();
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

test('while it says nothing everybody is told so, and all goes on when it is heard again', async () => {
  const { accessToken: token, email, cookie } = await signUp(server.url);
  const product = () => ({ name: 'Mug', price: 1, sku: newSku() });
  const create = () => send(server.url, 'POST /products', { token, json: product() });
  const list = () => send(server.url, 'GET /products', { token });
  expect((await create()).status).toBe(201);

  proxy.silence();
  const asked = await Promise.all([
    create(),
    list(),
    send(server.url, 'GET /events?after=0', { token }),
    send(server.url, 'POST /auth/login', { json: { email, password: testPassword } }),
    send(server.url, 'POST /auth/refresh', { headers: { cookie } }),
    send(server.url, 'POST /auth/ticket', { token }),
    send(server.url, 'POST /profile/password', {
      token,
      json: { currentPassword: testPassword, newPassword: 'another long enough password' },
    }),
  ]);
  for (const answer of asked) await expectProblem(answer, 503, 'UNAVAILABLE');
  expect((await send(server.url, 'GET /ready')).status).toBe(503);

  proxy.speak();
  await eventually(create, ({ status }) => status === 201);
  await eventually(list, ({ status }) => status === 200);
});

test('while it may only be read a node is not ready, and writes as soon as it may', async () => {
  const { accessToken: token } = await signUp(server.url);
  const product = () => ({ name: 'Mug', price: 1, sku: newSku() });
  const create = () => send(server.url, 'POST /products', { token, json: product() });
  const ready = () => send(server.url, 'GET /ready');
  const admin = connect(postgres.url, { max: 1, onnotice() {} });
  const setReadOnly = (value: 'on' | 'off') =>
    admin.unsafe(`ALTER DATABASE postgres SET default_transaction_read_only = ${value}`);

  await setReadOnly('on');
  proxy.cutAll();
  await eventually(create, ({ status }) => status === 503);
  await eventually(ready, ({ status }) => status === 503);
  expect((await send(server.url, 'GET /products', { token })).status).toBe(200);

  // The connections are those of before: as those to a server that another has taken the place of.
  await admin`SET default_transaction_read_only = off`;
  await setReadOnly('off');
  await eventually(create, ({ status }) => status === 201);
  await eventually(ready, ({ status }) => status === 200);
  await admin.end();
});
