import { describe, expect, test } from 'bun:test';
import { erased } from '../kernel/event.ts';
import { SealBroken, UnknownPerson } from '../kernel/keyring.ts';
import { keysInMemory } from '../testing/keys.ts';
import { createKeyEncryption } from './key-encryption.ts';

describe('a keyring', () => {
  test('opens what was sealed for different persons in one page', async () => {
    const keys = keysInMemory();
    keys.add('ada');
    keys.add('bob');
    const sealed = [
      await keys.keyring().seal('ada', 'Ada', 'here'),
      await keys.keyring().seal('bob', 'Bob', 'here'),
    ];
    const open = await keys.keyring().opener(sealed);
    expect(sealed.map((text) => open(text, 'here'))).toEqual(['Ada', 'Bob']);
  });

  test('remembers keys, until it is told to forget a person', async () => {
    const keys = keysInMemory();
    keys.add('ada');
    const keyring = keys.keyring();
    const sealed = await keyring.seal('ada', 'Ada', 'here');
    keys.remove('ada');
    expect((await keyring.opener([sealed]))(sealed, 'here')).toBe('Ada');
    keyring.forget('ada');
    expect((await keyring.opener([sealed]))(sealed, 'here')).toBe(erased);
    await expect(keyring.seal('ada', 'Ada', 'here')).rejects.toBeInstanceOf(UnknownPerson);
  });

  test('forgets a person whom it knows from reading alone', async () => {
    const keys = keysInMemory();
    keys.add('ada');
    const sealed = await keys.keyring().seal('ada', 'Ada', 'here');
    const keyring = keys.keyring();
    expect((await keyring.opener([sealed]))(sealed, 'here')).toBe('Ada');
    keys.remove('ada');
    keyring.forget('ada');
    expect((await keyring.opener([sealed]))(sealed, 'here')).toBe(erased);
  });

  test('has no key of a person who is forgotten, whatever the vault still holds', async () => {
    const keys = keysInMemory();
    keys.add('ada');
    const keyring = keys.keyring();
    const sealed = await keyring.seal('ada', 'Ada', 'here');
    keyring.forget('ada');
    expect((await keyring.opener([sealed]))(sealed, 'here')).toBe(erased);
    await expect(keyring.seal('ada', 'Ada', 'here')).rejects.toBeInstanceOf(UnknownPerson);
    expect((await keys.keyring().opener([sealed]))(sealed, 'here')).toBe('Ada');
  });

  test('refuses, by name and for that field alone, what was sealed under a key that was altered', async () => {
    const keys = keysInMemory();
    keys.add('ada');
    keys.add('bob');
    const sealed = [
      await keys.keyring().seal('ada', 'Ada', 'here'),
      await keys.keyring().seal('bob', 'Bob', 'here'),
    ] as const;
    keys.alter('ada');
    const keyring = keys.keyring();
    const open = await keyring.opener(sealed);
    expect(() => open(sealed[0], 'here')).toThrow(SealBroken);
    expect(open(sealed[1], 'here')).toBe('Bob');
    await expect(keyring.seal('ada', 'Ada', 'here')).rejects.toBeInstanceOf(SealBroken);
  });

  test('refuses what names a key that nobody has, while its owner has one', async () => {
    const keys = keysInMemory();
    keys.add('ada');
    keys.add('bob');
    const [adas, bobs] = [
      await keys.keyring().seal('ada', 'Ada', 'here'),
      await keys.keyring().seal('bob', 'Bob', 'here'),
    ];
    const altered = adas.replace(/^v1:[^:]+/, `v1:${crypto.randomUUID()}`);
    keys.remove('bob');
    const sealed = [altered, bobs, adas];
    const keyring = keys.keyring();
    const open = await keyring.opener(sealed, (index) => ['ada', 'bob', 'ada'][index]);
    expect(() => open(altered, 'here')).toThrow(SealBroken);
    expect(open(bobs, 'here')).toBe(erased);
    expect(open(adas, 'here')).toBe('Ada');
    keyring.forget('ada');
    expect((await keyring.opener([altered], () => 'ada'))(altered, 'here')).toBe(erased);
  });

  test('answers erased for one who is gone beside others who are not', async () => {
    const keys = keysInMemory();
    keys.add('ada');
    keys.add('bob');
    const sealed = [];
    for (const person of ['ada', 'bob'])
      sealed.push(await keys.keyring().seal(person, person, 'here'));
    keys.remove('ada');
    const open = await keys.keyring().opener(sealed);
    expect(sealed.map((text) => open(text, 'here'))).toEqual([erased, 'bob']);
  });

  test('opens after the wrapping secret has been rotated', async () => {
    const keys = keysInMemory(['the older secret, of forty characters...']);
    keys.add('ada');
    const sealed = await keys.keyring().seal('ada', 'Ada', 'here');
    const rotated = createKeyEncryption([
      'a newer one',
      'the older secret, of forty characters...',
    ]);
    expect((await keys.keyring(rotated).opener([sealed]))(sealed, 'here')).toBe('Ada');
  });

  test('does not confuse the keys of two persons', async () => {
    const keys = keysInMemory();
    keys.add('ada');
    keys.add('bob');
    const keyring = keys.keyring();
    const [, , ...rest] = (await keyring.seal('ada', 'Ada', 'here')).split(':');
    const forged = ['v1', 'key-of-bob', ...rest].join(':');
    expect(async () => (await keyring.opener([forged]))(forged, 'here')).toThrow('here');
  });
});
