// Images over time: what is swept and what stays, a storage that fails, and the same over S3.
import { afterEach, describe, expect, test } from 'bun:test';
import { sweepImages } from '../../src/image-sweep.ts';
import type { Blobs } from '../../src/kernel/blobs.ts';
import { createLocalBlobs } from '../../src/storage/files/local.ts';
import { createS3Blobs } from '../../src/storage/files/s3.ts';
import { startS3Server } from '../../src/testing/s3-server.ts';
import { signUp, startServer, type TestServer } from '../../src/testing/server.ts';
import { png } from '../../src/testing/image-bytes.ts';
import { expectProblem, newSku, send } from '../http/requests.ts';

type Ada = Awaited<ReturnType<typeof signUp>>;
const hour = 60 * 60 * 1_000;
const closing: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

async function start(overrides: Parameters<typeof startServer>[0] = {}) {
  const server = await startServer(overrides);
  closing.push(server.stop);
  return { server, ada: await signUp(server.url) };
}

async function create(ada: Ada) {
  const { data } = await ada.client.products.post({ name: 'Mug', price: 1, sku: newSku() });
  return data!.id;
}

function attach(
  { url }: TestServer,
  { accessToken }: Ada,
  id: string,
  body: Uint8Array<ArrayBuffer>,
) {
  const headers = { 'content-type': 'image/png' };
  return send(url, `PUT /products/${id}/image`, { token: accessToken, body, headers });
}

const keyOf = (bytes: Uint8Array) => Bun.SHA256.hash(bytes, 'hex');
const keysIn = async (blobs: Blobs) =>
  (await Array.fromAsync(blobs.list())).map(({ key }) => key).toSorted();

describe('the sweep of images', () => {
  async function startWithSweep() {
    const { server, ada } = await start();
    const { sweeping } = server.application.images;
    const later = (ms: number) => ({ ...sweeping, now: () => Date.now() + ms });
    const blobs = createLocalBlobs(`${server.directory}/images`);
    return { server, ada, blobs, sweeping, later };
  }

  test('removes what no product shows any more, and keeps what one does', async () => {
    const { server, ada, blobs, later } = await startWithSweep();
    const [kept, replaced, detached, deleted] = ['a', 'b', 'c', 'd'].map((note) => png(3, 2, note));
    const ids = [await create(ada), await create(ada), await create(ada), await create(ada)];
    await attach(server, ada, ids[0]!, kept!);
    await attach(server, ada, ids[1]!, replaced!);
    await attach(server, ada, ids[1]!, kept!);
    await attach(server, ada, ids[2]!, detached!);
    await ada.client.products({ id: ids[2]! }).image.delete();
    await attach(server, ada, ids[3]!, deleted!);
    await ada.client.products({ id: ids[3]! }).delete();
    await ada.client.products({ id: ids[0]! }).delete(); // another product still shows its image

    const removed = await sweepImages(later(2 * hour));
    expect(removed.toSorted()).toEqual([replaced!, detached!, deleted!].map(keyOf).toSorted());
    expect(await keysIn(blobs)).toEqual([keyOf(kept!)]);
  });

  test('leaves alone what was stored lately: its event may be on its way', async () => {
    const { blobs, sweeping, later } = await startWithSweep();
    const orphan = png(3, 2, 'orphan');
    await blobs.put(keyOf(orphan), orphan, 'image/png');
    expect(await sweepImages(sweeping)).toEqual([]);
    expect(await sweepImages(later(hour - 60_000))).toEqual([]);
    expect(await sweepImages(later(hour + 60_000))).toEqual([keyOf(orphan)]);
  });

  test('leaves alone what is stored again while it looks', async () => {
    const { blobs, later } = await startWithSweep();
    const orphan = png(3, 2, 'again');
    await blobs.put(keyOf(orphan), orphan, 'image/png');
    const parts = later(2 * hour);
    const fresh = new Date(parts.now()).toISOString();
    const storedAgain = { ...parts, blobs: { ...blobs, storedAt: async () => fresh } };
    expect(await sweepImages(storedAgain)).toEqual([]);
    expect(await keysIn(blobs)).toEqual([keyOf(orphan)]);
  });

  test('removes nothing while the read model does not show everything', async () => {
    const { blobs, later } = await startWithSweep();
    const orphan = png(3, 2, 'unsure');
    await blobs.put(keyOf(orphan), orphan, 'image/png');
    const unsure = { ...later(2 * hour), isComplete: async () => false };
    expect(await sweepImages(unsure)).toEqual([]);
    expect(await keysIn(blobs)).toEqual([keyOf(orphan)]);
  });
});

describe('images over S3', () => {
  test('are stored there once, fetched through the server, and swept', async () => {
    const s3 = await startS3Server();
    closing.push(s3.stop);
    const { server, ada } = await start({ s3: s3.settings });
    const [bytes, id, other] = [png(64, 48), await create(ada), await create(ada)];
    const response = await attach(server, ada, id, bytes);
    expect(response.status).toBe(200);
    expect((await attach(server, ada, other, bytes)).status).toBe(200);
    const { image } = (await response.json()) as { image: { url: string } };
    const fetched = await fetch(server.url + image.url);
    expect(fetched.headers.get('content-type')).toBe('image/png');
    expect(await fetched.bytes()).toEqual(bytes);
    expect(await keysIn(createS3Blobs(s3.settings))).toEqual([keyOf(bytes)]);

    for (const one of [id, other]) await ada.client.products({ id: one }).image.delete();
    const later = { ...server.application.images.sweeping, now: () => Date.now() + 2 * hour };
    expect(await sweepImages(later)).toEqual([keyOf(bytes)]);
    await expectProblem(await fetch(server.url + image.url), 404, 'NOT_FOUND');
  });

  test('are refused for a while when it is gone, without an event; the rest goes on', async () => {
    const s3 = await startS3Server();
    const { server, ada } = await start({ s3: s3.settings });
    const id = await create(ada);
    const { image } = (await (await attach(server, ada, id, png())).json()) as {
      image: { url: string };
    };
    await s3.stop();

    const failed = await attach(server, ada, id, png(5, 5));
    expect(failed.headers.get('retry-after')).toBe('10');
    await expectProblem(failed, 503, 'UNAVAILABLE');
    await expectProblem(await fetch(server.url + image.url), 503, 'UNAVAILABLE');
    const { data } = await ada.client.products({ id }).history.get();
    expect(data!.data.map(({ type }) => type)).toEqual(['ProductCreated', 'ProductImageAttached']);
    expect((await ada.client.products({ id }).patch({ price: 3 })).status).toBe(200);
  });
});
