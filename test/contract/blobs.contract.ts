import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import type { Blobs } from '../../src/kernel/blobs.ts';

export type OpenedBlobs = {
  readonly blobs: Blobs;
  readonly close: () => Promise<void> | void;
};

const keyOf = (bytes: Uint8Array) => Bun.SHA256.hash(bytes, 'hex');

/** What every storage of blobs promises; see src/kernel/blobs.ts. */
export function blobsContract(engine: string, open: () => Promise<OpenedBlobs>) {
  describe(`the storage of blobs (${engine})`, () => {
    let blobs: Blobs;
    let close: OpenedBlobs['close'];

    beforeEach(async () => {
      ({ blobs, close } = await open());
    });

    afterEach(() => close());

    async function put(bytes: Uint8Array): Promise<string> {
      await blobs.put(keyOf(bytes), bytes, 'image/png');
      return keyOf(bytes);
    }

    async function read(key: string): Promise<Uint8Array | undefined> {
      const found = await blobs.open(key);
      return found && (await new Response(found.stream).bytes());
    }

    const keys = async () => (await Array.fromAsync(blobs.list())).map(({ key }) => key);

    test('gives back what was put, and tells how much it is', async () => {
      const bytes = crypto.getRandomValues(new Uint8Array(60_000));
      const key = await put(bytes);
      expect(await read(key)).toEqual(bytes);
      expect((await blobs.open(key))?.bytes).toBe(60_000);
    });

    test('keeps five mebibytes whole', async () => {
      const bytes = new Uint8Array(5 * 1_048_576).fill(7);
      expect(await read(await put(bytes))).toEqual(bytes);
    });

    test('has nothing under a key that nobody put', async () => {
      const key = 'a'.repeat(64);
      expect(await blobs.open(key)).toBeUndefined();
      expect(await blobs.storedAt(key)).toBeUndefined();
      expect(await keys()).toEqual([]);
    });

    test('stores the same once, however often and at the same time it is put', async () => {
      const bytes = crypto.getRandomValues(new Uint8Array(100_000));
      await Promise.all([put(bytes), put(bytes), put(bytes)]);
      await put(bytes);
      expect(await keys()).toEqual([keyOf(bytes)]);
      expect(await read(keyOf(bytes))).toEqual(bytes);
    });

    test('tells when a blob was put', async () => {
      const before = Date.now();
      const key = await put(new Uint8Array([1]));
      const storedAt = Date.parse((await blobs.storedAt(key)) ?? '');
      expect(Math.abs(storedAt - before)).toBeLessThan(5_000); // S3 tells whole seconds
      const [listed] = await Array.fromAsync(blobs.list());
      expect(Math.abs(Date.parse(listed!.storedAt) - before)).toBeLessThan(5_000);
    });

    test('lists all there are', async () => {
      const all = Array.from({ length: 150 }, (_, index) => new TextEncoder().encode(`${index}`));
      for (let start = 0; start < all.length; start += 50) {
        await Promise.all(all.slice(start, start + 50).map(put));
      }
      expect((await keys()).toSorted()).toEqual(all.map(keyOf).toSorted());
    });

    test('removes one and leaves the others; what is not there is no failure', async () => {
      const [first, second] = [await put(new Uint8Array([1])), await put(new Uint8Array([2]))];
      await blobs.remove(first);
      await blobs.remove(first);
      expect(await keys()).toEqual([second]);
      expect(await blobs.open(first)).toBeUndefined();
    });

    test.each(['../secrets.json', 'a/b', '', 'A'.repeat(64), `${'a'.repeat(64)}/..`, 'a\0'])(
      'refuses %p, which is no key',
      async (key) => {
        const attempts = [
          () => blobs.put(key, new Uint8Array([1]), 'image/png'),
          () => blobs.open(key),
          () => blobs.storedAt(key),
          async () => blobs.remove(key),
        ];
        for (const attempt of attempts) {
          const failure = await attempt().then(
            () => undefined,
            (error: Error) => error.message,
          );
          expect(failure).toBe('A blob key must be a SHA-256 in hexadecimal.');
        }
        expect(await keys()).toEqual([]);
      },
    );
  });
}
