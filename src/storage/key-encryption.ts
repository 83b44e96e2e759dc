// Keys of persons, and the system's own, are wrapped by a key that is derived from CRYPTO_SECRET.
import { createHash, hkdfSync } from 'node:crypto';
import { decrypt, encrypt, type Key, keyIdOf, newKeyBytes } from './cipher.ts';

/** A wrapped key that none of the configured secrets opens. */
export class UnknownWrappingKey extends Error {
  override readonly name = 'UnknownWrappingKey';
  constructor(keyId: string) {
    super(
      `No secret of CRYPTO_SECRET, or of secrets.json without it, opens what ${keyId} has wrapped.`,
    );
  }
}

export type KeyEncryption = ReturnType<typeof createKeyEncryption>;

/** @param secrets The first wraps, all unwrap. */
export function createKeyEncryption(secrets: readonly string[]) {
  const keys = secrets.map(deriveKey);
  const [current] = keys;
  if (!current) throw new Error('There is no secret to derive a key from.');
  return {
    wrap: (bytes: Uint8Array, place: string) => encrypt(current, bytes, place),
    /** Names the key that wraps; a digest of it, so that it tells nothing of the secret. */
    currentId: current.id,
    isCurrent: (wrapped: string) => keyIdOf(wrapped) === current.id,
    wrapNew: (place: string) => encrypt(current, newKeyBytes(), place),
    /** @throws UnknownWrappingKey when the secret it was wrapped with is not configured. */
    unwrap(wrapped: string, place: string): Uint8Array {
      const key = keys.find(({ id }) => id === keyIdOf(wrapped));
      if (!key) throw new UnknownWrappingKey(keyIdOf(wrapped));
      return decrypt(key, wrapped, place);
    },
  };
}

/** HKDF-SHA256 (RFC 5869); the id is a digest of the derived key, so it tells nothing of the secret. */
function deriveKey(secret: string): Key {
  const bytes = new Uint8Array(hkdfSync('sha256', secret, '', 'refold key encryption', 32));
  const id = createHash('sha256').update('id').update(bytes).digest('hex').slice(0, 16);
  return { id, bytes };
}
