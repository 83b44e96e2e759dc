// A node that is killed is followed by another.
import { afterAll, expect, setDefaultTimeout, test } from 'bun:test';
import { startNodes } from '../../src/testing/chaos.ts';
import { signUp } from '../../src/testing/server.ts';
import { newSku, send } from '../http/requests.ts';

setDefaultTimeout(60_000);

/** What is promised: see docs/scaling.md. */
const failoverMsMax = 3_000;

const fleet = await startNodes(1);
afterAll(async () => {
  await fleet.stop();
  await fleet.database.drop();
});

test('the node that keeps the rows is killed: another keeps them within three seconds', async () => {
  await fleet.add(); // the first has every lease by now
  const [, url = ''] = fleet.urls();
  const { accessToken: token } = await signUp(url);
  const create = async () => {
    const json = { name: 'Mug', price: 1, sku: newSku() };
    const made = await send(url, 'POST /products', { token, json });
    expect(made.status).toBe(201);
    return ((await made.json()) as { id: string }).id;
  };
  const read = async (id: string) => (await send(url, `GET /products/${id}`, { token })).status;
  expect(await read(await create())).toBe(200);

  await fleet.kill(0);
  const from = performance.now();
  const id = await create();
  while ((await read(id)) !== 200);
  expect(performance.now() - from).toBeLessThan(failoverMsMax);
});
