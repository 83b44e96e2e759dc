import { describe, expect, test } from 'bun:test';
import { keyIdOf, newKeyBytes } from './cipher.ts';
import { createKeyEncryption, UnknownWrappingKey } from './key-encryption.ts';

const older = 'the secret that was used until yesterday';
const newer = 'the secret that is in use since today...';
const bytes = newKeyBytes();

describe('wrapping keys with a list of secrets', () => {
  test('wraps with the first and unwraps with all', () => {
    const before = createKeyEncryption([older]).wrap(bytes, 'here');
    const rotating = createKeyEncryption([newer, older]);
    const after = rotating.wrap(bytes, 'here');
    expect(rotating.unwrap(before, 'here')).toEqual(bytes as Buffer);
    expect(rotating.unwrap(after, 'here')).toEqual(bytes as Buffer);
    expect(createKeyEncryption([newer]).unwrap(after, 'here')).toEqual(bytes as Buffer);
    expect(() => createKeyEncryption([older]).unwrap(after, 'here')).toThrow(UnknownWrappingKey);
  });

  test('says so when the secret is no longer configured', () => {
    const wrapped = createKeyEncryption([older]).wrap(bytes, 'here');
    const failure = () => createKeyEncryption([newer]).unwrap(wrapped, 'here');
    expect(failure).toThrow(UnknownWrappingKey);
    expect(failure).toThrow(keyIdOf(wrapped));
  });

  test('derives the same key from the same secret at any time', () => {
    const wrapped = createKeyEncryption([older]).wrap(bytes, 'here');
    expect(keyIdOf(wrapped)).toBe('fecca7ac31def475');
    expect(createKeyEncryption([older]).unwrap(wrapped, 'here')).toEqual(bytes as Buffer);
  });

  test('shows nothing of the secret', () => {
    const wrapped = createKeyEncryption([older]).wrapNew('here');
    expect(wrapped).not.toContain(older.slice(0, 10));
    expect(wrapped).not.toContain(Buffer.from(older).toString('base64url').slice(0, 10));
  });

  test('binds what is wrapped to its place', () => {
    const encryption = createKeyEncryption([older]);
    expect(() => encryption.unwrap(encryption.wrap(bytes, 'here'), 'there')).toThrow();
  });

  test('gives a new key each time it is asked for one', () => {
    const encryption = createKeyEncryption([older]);
    const keys = [1, 2].map(() => encryption.unwrap(encryption.wrapNew('here'), 'here'));
    expect(keys.map(({ length }) => length)).toEqual([32, 32]);
    expect(keys[0]).not.toEqual(keys[1]!);
  });

  test('needs at least one secret', () => {
    expect(() => createKeyEncryption([])).toThrow();
  });
});
