import type { Vault, WrappedKey } from '../kernel/vault.ts';
import { createKeyEncryption } from '../storage/key-encryption.ts';
import { createKeyring, keyPlace } from '../storage/keyring.ts';

type KeySource = Pick<Vault, 'keyOf' | 'keysById'>;

/** Persons' keys in memory under a real keyring, which is new at each call of `keyring`. */
export function keysInMemory(
  secrets: readonly string[] = ['a secret of this test alone, only here'],
) {
  const keys = new Map<string, WrappedKey>();
  const keyEncryption = createKeyEncryption(secrets);
  const source: KeySource = {
    keyOf: async (personId) => keys.get(personId),
    keysById: async (ids) => [...keys.values()].filter(({ keyId }) => ids.includes(keyId)),
  };
  return {
    keyring: (encryption = keyEncryption) => createKeyring(source, encryption),
    add(personId: string) {
      const keyId = `key-of-${personId}`;
      const wrappedKey = keyEncryption.wrapNew(keyPlace(personId, keyId));
      keys.set(personId, { personId, keyId, wrappedKey });
    },
    remove: (personId: string) => keys.delete(personId),
    /** As if somebody had written to the vault. */
    alter(personId: string) {
      const key = keys.get(personId)!;
      const at = key.wrappedKey.length - 8;
      const other = key.wrappedKey[at] === 'A' ? 'B' : 'A';
      const wrappedKey = key.wrappedKey.slice(0, at) + other + key.wrappedKey.slice(at + 1);
      keys.set(personId, { ...key, wrappedKey });
    },
  };
}
