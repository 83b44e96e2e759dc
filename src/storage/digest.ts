export type Digest = (kind: string, value: string) => string;

/** HMAC-SHA256 (RFC 2104) of a named value, base64url; without the key it tells nothing of it. */
export function createDigest(key: Uint8Array): Digest {
  return (kind, value) =>
    new Bun.CryptoHasher('sha256', key).update(`${kind}\n${value}`).digest('base64url');
}
