// AES-256-GCM (NIST SP 800-38D) with a random 12-byte nonce. A sealed text names the format, the
// key, the nonce and the ciphertext with its tag: `v1:<key id>:<nonce>:<ciphertext>`, base64url.
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

const nonceBytes = 12;
const tagBytes = 16;

export type Key = { readonly id: string; readonly bytes: Uint8Array };

export function newKeyBytes(): Uint8Array {
  return randomBytes(32);
}

export function encrypt(key: Key, plain: Uint8Array | string, place: string): string {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv('aes-256-gcm', key.bytes, nonce);
  cipher.setAAD(Buffer.from(place));
  const bytes = typeof plain === 'string' ? Buffer.from(plain) : plain;
  const text = Buffer.concat([cipher.update(bytes), cipher.final(), cipher.getAuthTag()]);
  return `v1:${key.id}:${nonce.toString('base64url')}:${text.toString('base64url')}`;
}

/** @throws Error when the text was altered, or sealed with another key or for another place. */
export function decrypt(key: Key, sealed: string, place: string): Buffer {
  const [format, keyId, nonce, text] = sealed.split(':');
  if (format !== 'v1' || keyId !== key.id || !nonce || !text) throw new Error('Not a sealed text.');
  const bytes = Buffer.from(text, 'base64url');
  const decipher = createDecipheriv('aes-256-gcm', key.bytes, Buffer.from(nonce, 'base64url'));
  decipher.setAAD(Buffer.from(place));
  decipher.setAuthTag(bytes.subarray(-tagBytes));
  return Buffer.concat([decipher.update(bytes.subarray(0, -tagBytes)), decipher.final()]);
}

export function keyIdOf(sealed: string): string {
  return sealed.split(':', 2)[1] ?? '';
}
