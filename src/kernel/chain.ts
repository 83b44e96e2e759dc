import type { StoredEvent } from './event-log.ts';

/** The predecessor's hash of the first event. */
export const chainStart = '0'.repeat(64);

/** SHA-256 of UTF-8 text as 64 lower-case hexadecimal digits; passed in, the kernel has no crypto. */
export type Sha256 = (text: string) => string;

/**
 * The text whose SHA-256 is the hash of an event: the predecessor's hash and every stored column,
 * one a line. No column can hold a line break (JSON text escapes them), so no two events share it.
 */
export function chainText(previousHash: string, event: Omit<StoredEvent, 'hash'>): string {
  return `${previousHash}\n${event.position}\n${event.id}\n${event.stream}\n${event.version}\n${
    event.type
  }\n${event.schemaVersion}\n${event.time}\n${event.meta}\n${event.data}`;
}

/** A link of the hash chain that does not hold: the event was altered, or a predecessor was. */
export class ChainBroken extends Error {
  override readonly name = 'ChainBroken';
  readonly position: number;
  constructor(position: number) {
    super(`The hash chain breaks at position ${position}: the log was altered or damaged there.`);
    this.position = position;
  }
}

/**
 * Checks that consecutive events continue the chain, and answers the last hash.
 * @throws ChainBroken at the first event that is missing, moved or altered.
 */
export function verifyChain(
  events: readonly StoredEvent[],
  previous: { readonly position: number; readonly hash: string },
  sha256: Sha256,
): string {
  let { position, hash } = previous;
  for (const event of events) {
    position += 1;
    if (event.position !== position || sha256(chainText(hash, event)) !== event.hash) {
      throw new ChainBroken(position);
    }
    hash = event.hash;
  }
  return hash;
}
