// The port to bytes that are too large for the log, such as images. A key is the SHA-256 of its bytes:
// storing the same twice stores it once, and what stands under a key never changes. Bytes are stored before the
// event that names them is appended, so a crash between leaves bytes that nobody names, which are swept.
import type { Timestamp } from './time.ts';

export type StoredBlob = {
  readonly key: string;
  /** When it was last put. */
  readonly storedAt: Timestamp;
};

export type OpenedBlob = {
  readonly bytes: number;
  readonly stream: ReadableStream<Uint8Array>;
};

/** Everything throws `BlobsUnreachable` when the storage does not answer. */
export type Blobs = {
  /** Resolves once the bytes are durable, all of them; a repetition makes them as young as new ones. */
  readonly put: (key: string, bytes: Uint8Array, contentType: string) => Promise<void>;
  readonly open: (key: string) => Promise<OpenedBlob | undefined>;
  /** Undefined if there is no such blob. */
  readonly storedAt: (key: string) => Promise<Timestamp | undefined>;
  /** Of what is not there, nothing is removed. */
  readonly remove: (key: string) => Promise<void>;
  readonly list: () => AsyncIterable<StoredBlob>;
};

const keyShape = /^[0-9a-f]{64}$/;

/** A key is part of a path or an address: nothing else may come to stand there. */
export function isBlobKey(key: string): boolean {
  return keyShape.test(key);
}

/** @throws Error for what is no key: a defect of ours. */
export function checkedKey(key: string): string {
  if (!isBlobKey(key)) throw new Error('A blob key must be a SHA-256 in hexadecimal.');
  return key;
}

/** The storage does not answer, or not in time; whether a blob was put is then not known. */
export class BlobsUnreachable extends Error {
  override readonly name = 'BlobsUnreachable';
}
