// Every key wrapped anew by another secret, on both engines: whatever is interrupted is gone on with.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import type { Vault } from '../../src/kernel/vault.ts';
import { createKeyEncryption, UnknownWrappingKey } from '../../src/storage/key-encryption.ts';
import { createKeyRotation } from '../../src/storage/key-rotation.ts';
import { createKeyring, keyPlace } from '../../src/storage/keyring.ts';
import { openSqliteStorage } from '../../src/storage/sqlite/storage.ts';
import { temporaryDirectory } from '../../src/testing/directory.ts';
import { openFreshPostgresStorage } from '../../src/testing/postgres-storage.ts';

const older = createKeyEncryption(['the secret that was used until yesterday']);
const newer = createKeyEncryption(['the secret that is in use since today...']);
const both = createKeyEncryption([
  'the secret that is in use since today...',
  'the secret that was used until yesterday',
]);

/** More than fit into two parts. */
const people = Array.from(
  { length: 1_100 },
  (_, index) => `person-${String(index).padStart(4, '0')}`,
);
const at = '2026-01-01T00:00:00.000Z';

async function openSqlite() {
  const directory = temporaryDirectory();
  const { vault, close } = await openSqliteStorage(directory.path, () => {});
  const closeAll = async () => {
    await close();
    directory.remove();
  };
  return { vault, close: closeAll };
}

const engines = [
  { engine: 'SQLite', open: openSqlite },
  { engine: 'PostgreSQL', open: openFreshPostgresStorage },
];

describe.each(engines)('rotating keys in $engine', ({ open }) => {
  let vault: Vault;
  let close: () => Promise<void>;
  let sealed: readonly string[];

  beforeEach(async () => {
    ({ vault, close } = await open());
    await Promise.all(
      people.map((personId) => {
        const keyId = `key-of-${personId}`;
        const wrappedKey = older.wrapNew(keyPlace(personId, keyId));
        return vault.addPerson({ personId, keyId, wrappedKey, passwordHash: 'hash', at });
      }),
    );
    await vault.secret('digest', older.wrapNew('digest'));
    const keyring = createKeyring(vault, older);
    sealed = await Promise.all(people.map((one) => keyring.seal(one, `text of ${one}`, 'here')));
  });
  afterEach(() => close());

  async function textsUnder(encryption: typeof both) {
    const open = await createKeyring(vault, encryption).opener(sealed);
    return sealed.map((one) => open(one, 'here'));
  }
  const texts = people.map((one) => `text of ${one}`);

  test('leaves everything readable by the new secret alone, and changes nothing when repeated', async () => {
    const secret = older.unwrap(await vault.secret('digest', 'none'), 'digest');
    const { rotate } = createKeyRotation({ vault, keyEncryption: both });
    expect(await rotate()).toEqual({ wrapped: people.length + 1, unchanged: 0 });
    expect(await textsUnder(newer)).toEqual(texts);
    expect(newer.unwrap(await vault.secret('digest', 'none'), 'digest')).toEqual(secret);
    await expect(textsUnder(older)).rejects.toBeInstanceOf(UnknownWrappingKey);
    const before = await vault.keysAfter('', people.length);
    expect(await rotate()).toEqual({ wrapped: 0, unchanged: people.length + 1 });
    expect(await vault.keysAfter('', people.length)).toEqual(before);
  });

  test('may be interrupted: both secrets read everything, and the next run does the rest', async () => {
    let parts = 0;
    const failing: Vault = {
      ...vault,
      async rewrapKeys(rewraps) {
        parts += 1;
        if (parts === 2) throw new Error('the power is gone');
        await vault.rewrapKeys(rewraps);
      },
    };
    const interrupted = createKeyRotation({ vault: failing, keyEncryption: both }).rotate();
    await expect(interrupted).rejects.toThrow('the power is gone');
    expect(await textsUnder(both)).toEqual(texts);
    const { wrapped, unchanged } = await createKeyRotation({ vault, keyEncryption: both }).rotate();
    expect([wrapped, unchanged]).toEqual([people.length - 500, 501]);
    expect(await textsUnder(newer)).toEqual(texts);
  });

  test('leaves alone who is erased meanwhile', async () => {
    const meanwhile: Vault = {
      ...vault,
      async rewrapKeys(rewraps) {
        await vault.removePerson(people[0]!);
        await vault.rewrapKeys(rewraps);
      },
    };
    await createKeyRotation({ vault: meanwhile, keyEncryption: both }).rotate();
    expect(await vault.keyOf(people[0]!)).toBeUndefined();
    expect((await textsUnder(newer)).slice(1)).toEqual(texts.slice(1));
  });

  test('is refused without the secret that has wrapped, and changes nothing', async () => {
    const { rotate } = createKeyRotation({ vault, keyEncryption: newer });
    await expect(rotate()).rejects.toBeInstanceOf(UnknownWrappingKey);
    expect(await textsUnder(older)).toEqual(texts);
  });
});
