import { LRUCache } from 'lru-cache';
import { erased } from '../kernel/event.ts';
import { type Keyring, SealBroken, UnknownPerson } from '../kernel/keyring.ts';
import type { Vault, WrappedKey } from '../kernel/vault.ts';
import { decrypt, encrypt, type Key, keyIdOf } from './cipher.ts';
import type { KeyEncryption } from './key-encryption.ts';

const keysRemembered = 10_000;

/** Where a person's wrapped key stands: its associated data. */
export const keyPlace = (personId: string, keyId: string) => `person/${personId}/${keyId}`;

/** The keys of persons, unwrapped on first use and remembered for a while. */
export function createKeyring(
  vault: Pick<Vault, 'keyOf' | 'keysById'>,
  keyEncryption: KeyEncryption,
): Keyring & { readonly forget: (personId: string) => void } {
  const byPerson = new LRUCache<string, Key>({ max: keysRemembered });
  const byId = new LRUCache<string, Key>({ max: keysRemembered });

  function unwrap({ personId, keyId, wrappedKey }: WrappedKey): Key {
    const key = { id: keyId, bytes: keyEncryption.unwrap(wrappedKey, keyPlace(personId, keyId)) };
    byPerson.set(personId, key);
    byId.set(keyId, key);
    return key;
  }

  async function keyOf(personId: string): Promise<Key> {
    const known = byPerson.get(personId);
    if (known) return known;
    const wrapped = await vault.keyOf(personId);
    if (!wrapped) throw new UnknownPerson(personId);
    return unwrap(wrapped);
  }

  return {
    seal: async (personId, text, place) => encrypt(await keyOf(personId), text, place),

    async opener(sealed) {
      const keys = new Map<string, Key>();
      const missing = new Set<string>();
      for (const keyId of new Set(sealed.map(keyIdOf))) {
        const known = byId.get(keyId);
        if (known) keys.set(keyId, known);
        else missing.add(keyId);
      }
      if (missing.size > 0) {
        for (const wrapped of await vault.keysById([...missing])) {
          keys.set(wrapped.keyId, unwrap(wrapped));
        }
      }
      return (text, place) => {
        if (!text.startsWith('v1:')) throw new SealBroken(place);
        const key = keys.get(keyIdOf(text));
        if (!key) return erased;
        try {
          return decrypt(key, text, place).toString();
        } catch {
          throw new SealBroken(place);
        }
      };
    },

    forget(personId) {
      const key = byPerson.get(personId);
      if (key) byId.delete(key.id);
      byPerson.delete(personId);
    },
  };
}
