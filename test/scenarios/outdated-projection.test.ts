import { expect, setDefaultTimeout, test } from 'bun:test';
import { placeOf } from '../../src/testing/engine.ts';
import { signUp, startServer, temporaryPlace } from '../../src/testing/server.ts';

setDefaultTimeout(60_000);

test('a projection whose rows are of another version is rebuilt beside them at the start', async () => {
  const { path: directory, remove } = temporaryPlace();
  const first = await startServer({ directory });
  const ada = await signUp(first.url);
  const mug = await ada.client.products.post({ name: 'Mug', price: 9.5, sku: 'MUG-1' });
  await first.stop();

  const { run } = await placeOf(directory);
  await run('read-model', "UPDATE checkpoints SET version = 0 WHERE projection = 'products'");
  await run('read-model', "UPDATE products SET name = 'as an older version saw it'");

  const second = await startServer({ directory });
  const { readSide } = second.application;
  while (readSide.progress().positions['products'] === undefined) await Bun.sleep(5);
  const { user } = ada;
  const rebuilt = await second.application.edge.queries.products.byId(mug.data!.id);
  expect(rebuilt).toMatchObject({ name: 'Mug', createdBy: user.id });
  expect(readSide.progress().outdated).toEqual([]);
  await second.stop();
  await remove();
}, 30_000);
