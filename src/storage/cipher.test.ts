import { describe, expect, test } from 'bun:test';
import { decrypt, encrypt, keyIdOf, newKeyBytes } from './cipher.ts';

const key = { id: 'key-1', bytes: newKeyBytes() };
const place = 'here';

/** The sealed text with other ciphertext bytes. */
function withBytes(sealed: string, change: (bytes: Buffer) => Buffer): string {
  const parts = sealed.split(':');
  const bytes = change(Buffer.from(parts[3]!, 'base64url'));
  return [...parts.slice(0, 3), bytes.toString('base64url')].join(':');
}

describe('a sealed text', () => {
  test.each(['', 'x', 'Grüße 🌍', 'a'.repeat(10_000)])('opens with its key and place', (plain) => {
    expect(decrypt(key, encrypt(key, plain, place), place).toString()).toBe(plain);
  });

  test('names its key, and holds a nonce of its own', () => {
    const texts = [encrypt(key, 'x', place), encrypt(key, 'x', place)];
    expect(texts.map(keyIdOf)).toEqual(['key-1', 'key-1']);
    expect(new Set(texts.map((text) => text.split(':')[2])).size).toBe(2);
  });

  test('does not open at another place', () => {
    expect(() => decrypt(key, encrypt(key, 'x', place), 'there')).toThrow();
  });

  test('does not open with another key, not even under the same id', () => {
    const sealed = encrypt(key, 'x', place);
    expect(() => decrypt({ id: 'key-2', bytes: key.bytes }, sealed, place)).toThrow();
    expect(() => decrypt({ id: 'key-1', bytes: newKeyBytes() }, sealed, place)).toThrow();
  });

  test.each([0, 1, 5, 20])('does not open with byte %i changed', (index) => {
    const sealed = withBytes(encrypt(key, 'hello', place), (bytes) => {
      bytes[index]! ^= 1;
      return bytes;
    });
    expect(() => decrypt(key, sealed, place)).toThrow();
  });

  test.each([0, 1, 4, 8, 12, 15])('does not open with a tag cut to %i bytes', (length) => {
    const sealed = withBytes(encrypt(key, '', place), (bytes) => bytes.subarray(0, length));
    expect(() => decrypt(key, sealed, place)).toThrow();
  });

  test.each(['', 'plain', 'v1:', 'v1:key-1', 'v1:key-1:abc', 'v2:key-1:YWJj:YWJj'])(
    'is not %j',
    (text) => {
      expect(() => decrypt(key, text, place)).toThrow();
    },
  );
});
