import { describe, expect, setDefaultTimeout, test } from 'bun:test';
import { signUp, startServer } from '../../src/testing/server.ts';

setDefaultTimeout(30_000);

describe('a body that nests too deeply', () => {
  test('is refused before it is parsed', async () => {
    const server = await startServer();
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
