import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { mkdirSync, readdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BlobsUnreachable } from '../../src/kernel/blobs.ts';
import { createLocalBlobs } from '../../src/storage/files/local.ts';
import { createS3Blobs } from '../../src/storage/files/s3.ts';
import { temporaryDirectory } from '../../src/testing/directory.ts';
import { startS3Server } from '../../src/testing/s3-server.ts';
import { blobsContract } from './blobs.contract.ts';

blobsContract('a directory', async () => {
  const directory = temporaryDirectory();
  return { blobs: createLocalBlobs(join(directory.path, 'images')), close: directory.remove };
});

blobsContract('S3', async () => {
  const server = await startS3Server();
  return { blobs: createS3Blobs(server.settings), close: server.stop };
});

const bytes = new TextEncoder().encode('an image');
const key = Bun.SHA256.hash(bytes, 'hex');

describe('blobs in a directory', () => {
  let directory: ReturnType<typeof temporaryDirectory>;
  const folder = () => join(directory.path, key.slice(0, 2));

  beforeEach(() => {
    directory = temporaryDirectory();
  });

  afterEach(() => directory.remove());

  test('are readable by their owner only', async () => {
    await createLocalBlobs(directory.path).put(key, bytes, 'image/png');
    expect(statSync(join(folder(), key)).mode & 0o777).toBe(0o600);
    expect(statSync(folder()).mode & 0o077).toBe(0);
  });

  test('leave no half-written file behind when a put fails', async () => {
    const blobs = createLocalBlobs(directory.path);
    await blobs.put(key, bytes, 'image/png');
    await blobs.remove(key);
    // The name is taken by a directory, so that the bytes can be written but not renamed.
    mkdirSync(join(folder(), key, 'inside'), { recursive: true });
    const failure = await blobs.put(key, bytes, 'image/png').catch((error: Error) => error);
    expect(failure).toBeInstanceOf(Error);
    expect(readdirSync(folder())).toEqual([key]);
  });

  test('are listed without what a crash has left half-written, which goes once it is old', async () => {
    const blobs = createLocalBlobs(directory.path);
    await blobs.put(key, bytes, 'image/png');
    const [young, old] = [join(folder(), `${key}.young`), join(folder(), `${key}.old`)];
    writeFileSync(young, 'half');
    writeFileSync(old, 'half');
    const hoursAgo = new Date(Date.now() - 2 * 60 * 60 * 1_000);
    utimesSync(old, hoursAgo, hoursAgo);
    expect(await Array.fromAsync(blobs.list())).toMatchObject([{ key }]);
    expect(readdirSync(folder()).toSorted()).toEqual([key, `${key}.young`]);
  });
});

describe('blobs in S3', () => {
  async function failuresOf(endpoint: string) {
    const keys = { accessKeyId: 'S3RVER', secretAccessKey: 'S3RVER', region: 'us-east-1' };
    const blobs = createS3Blobs({ ...keys, endpoint, bucket: 'images' }, 200);
    const attempts = [
      blobs.put(key, bytes, 'image/png'),
      blobs.open(key),
      blobs.storedAt(key),
      blobs.remove(key),
      Array.fromAsync(blobs.list()),
    ];
    return await Promise.all(attempts.map((one) => one.catch((error: unknown) => error)));
  }

  test('are unreachable when nobody listens', async () => {
    const free = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data() {} } });
    free.stop(true);
    for (const failure of await failuresOf(`http://127.0.0.1:${free.port}`)) {
      expect(failure).toBeInstanceOf(BlobsUnreachable);
    }
  });

  test('are unreachable when the server says nothing', async () => {
    const silent = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data() {} } });
    for (const failure of await failuresOf(`http://127.0.0.1:${silent.port}`)) {
      expect(failure).toBeInstanceOf(BlobsUnreachable);
    }
    silent.stop(true);
  });

  test('are unreachable where there is no bucket', async () => {
    const server = await startS3Server();
    const blobs = createS3Blobs({ ...server.settings, bucket: 'another' });
    const failure = await blobs.put(key, bytes, 'image/png').catch((error: unknown) => error);
    await server.stop();
    expect(failure).toBeInstanceOf(BlobsUnreachable);
  });

  // The server of the tests above cannot answer in pages: the cipher of its tokens is none of Bun's.
  test('are listed page by page', async () => {
    const keys = ['a', 'b', 'c'].map((letter) => letter.repeat(64));
    using server = Bun.serve({
      hostname: '127.0.0.1',
      port: 0,
      fetch({ url }) {
        const after = new URL(url).searchParams.get('start-after') ?? '';
        const rest = keys.filter((one) => `images/${one}` > after);
        const content = (one: string) =>
          `<Contents><Key>images/${one}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>`;
        const page = rest.slice(0, 2).map(content).join('');
        const isTruncated = `<IsTruncated>${rest.length > 2}</IsTruncated>`;
        return new Response(`<ListBucketResult>${isTruncated}${page}</ListBucketResult>`);
      },
    });
    const keysOfServer = { accessKeyId: 'S3RVER', secretAccessKey: 'S3RVER', region: 'us-east-1' };
    const endpoint = server.url.origin;
    const blobs = createS3Blobs({ ...keysOfServer, endpoint, bucket: 'images' });
    const storedAt = '2026-01-01T00:00:00.000Z';
    expect(await Array.fromAsync(blobs.list())).toEqual(keys.map((key) => ({ key, storedAt })));
  });

  test('are stored with their type', async () => {
    const server = await startS3Server();
    await createS3Blobs(server.settings).put(key, bytes, 'image/webp');
    const client = new Bun.S3Client(server.settings);
    const { type } = await client.stat(`images/${key}`);
    await server.stop();
    expect(type).toBe('image/webp');
  });
});
