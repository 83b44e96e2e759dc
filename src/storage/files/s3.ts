// Blobs in a bucket of an S3-compatible server. A put is whole or nothing there; every call has a time limit,
// and whatever fails is told as one error, because all of it may pass.
import { S3Client } from 'bun';
import { type Blobs, BlobsUnreachable, checkedKey, isBlobKey } from '../../kernel/blobs.ts';

const callMsMax = 10_000;
const prefix = 'images/';

export type S3Settings = {
  readonly endpoint: string;
  readonly bucket: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
};

/** @param msMax How long a call may take, in milliseconds. */
export function createS3Blobs(settings: S3Settings, msMax = callMsMax): Blobs {
  const client = new S3Client({ ...settings, retry: 1 });
  const nameOf = (key: string) => prefix + checkedKey(key);
  const ask = <Answer>(asking: Promise<Answer>) => inTime(asking, msMax);

  async function statOf(key: string) {
    const name = nameOf(key);
    return await ask(client.stat(name).catch(undefinedIfMissing));
  }

  return {
    async put(key, bytes, type) {
      await ask(client.write(nameOf(key), bytes, { type }));
    },

    async open(key) {
      const found = await statOf(key);
      return found && { bytes: found.size, stream: client.file(nameOf(key)).stream() };
    },

    async storedAt(key) {
      return (await statOf(key))?.lastModified.toISOString();
    },

    async remove(key) {
      await ask(client.delete(nameOf(key)));
    },

    async *list() {
      let startAfter: string | undefined;
      for (;;) {
        const page = await ask(client.list({ prefix, ...(startAfter && { startAfter }) }));
        const found = page.contents ?? [];
        for (const { key, lastModified = '' } of found) {
          const storedAt = new Date(lastModified).toISOString();
          if (isBlobKey(key.slice(prefix.length)))
            yield { key: key.slice(prefix.length), storedAt };
        }
        startAfter = found.at(-1)?.key;
        if (!page.isTruncated || startAfter === undefined) return;
      }
    },
  };
}

function undefinedIfMissing(error: unknown): undefined {
  const { code, name } = error as { code?: string; name?: string };
  if (code === 'NoSuchKey' || code === 'NotFound' || name === 'NoSuchKey') return undefined;
  throw error;
}

/** @throws BlobsUnreachable for every failure, and when the time is up. */
async function inTime<Answer>(asking: Promise<Answer>, msMax: number): Promise<Answer> {
  const { promise: timeIsUp, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(reject, msMax, new Error(`No answer in ${msMax} ms.`));
  try {
    return await Promise.race([asking, timeIsUp]);
  } catch (error) {
    throw new BlobsUnreachable('The storage of files does not answer.', { cause: error });
  } finally {
    clearTimeout(timer);
  }
}
