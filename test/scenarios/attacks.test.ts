import { afterAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { signUp, startServer, temporaryDirectory } from '../../src/testing/server.ts';

setDefaultTimeout(30_000);

describe('a body that nests too deeply', () => {
  const directory = temporaryDirectory();
  afterAll(directory.remove);

  test('is refused before it is parsed', async () => {
    const server = await startServer({ directory: directory.path });
    for (const levels of [33, 20_000, 100_000]) {
      const response = await fetch(`${server.url}/auth/login`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: '['.repeat(levels) + ']'.repeat(levels),
      });
      expect(response.status).toBe(400);
    }
    await server.stop();
  });
});

describe('a data directory', () => {
  test('whose vault is gone is refused, and taken again once it is back', async () => {
    const { path: directory, remove } = temporaryDirectory();
    const server = await startServer({ directory });
    await signUp(server.url);
    await server.stop();
    const vault = await Bun.file(join(directory, 'vault.db')).bytes();
    rmSync(join(directory, 'vault.db'));
    for (const _ of ['once', 'twice']) {
      const refused = await startServer({ directory }).catch((error: unknown) => error);
      expect(refused).toMatchObject({ name: 'VaultMissing' });
    }
    writeFileSync(join(directory, 'vault.db'), vault);
    await (await startServer({ directory })).stop();
    remove();
  });

  test('whose read models are damaged gets them anew', async () => {
    const { path: directory, remove } = temporaryDirectory();
    const first = await startServer({ directory });
    const ada = await signUp(first.url);
    const mug = await ada.client.products.post({ name: 'Mug', price: 1, sku: 'MUG-1' });
    await first.stop();
    writeFileSync(join(directory, 'read-model.db'), crypto.getRandomValues(new Uint8Array(4_096)));
    const second = await startServer({ directory });
    const { readSide, edge } = second.application;
    expect(await readSide.reached(2 as never, 5_000)).toBe(true);
    expect(await edge.queries.products.byId(mug.data!.id)).toMatchObject({ name: 'Mug' });
    await second.stop();
    remove();
  });
});

test('parallel changes of one product that name no version all succeed', async () => {
  const server = await startServer();
  const ada = await signUp(server.url);
  const mug = await ada.client.products.post({ name: 'Mug', price: 1, sku: 'MUG-1' });
  const prices = Array.from({ length: 60 }, (_, index) => index + 2);
  const statuses = await Promise.all(
    prices.map(async (price) => {
      const { status } = await ada.client.products({ id: mug.data!.id }).patch({ price });
      return status;
    }),
  );
  expect(new Set(statuses)).toEqual(new Set([200]));
  await server.stop();
});
