import { LRUCache } from 'lru-cache';
import { erased } from '../kernel/event.ts';
import { type Keyring, type OwnerOf, SealBroken, UnknownPerson } from '../kernel/keyring.ts';
import type { Vault, WrappedKey } from '../kernel/vault.ts';
import { decrypt, encrypt, type Key, keyIdOf } from './cipher.ts';
import { type KeyEncryption, UnknownWrappingKey } from './key-encryption.ts';

const keysRemembered = 10_000;
const nobody: ReadonlySet<string> = new Set();

/** Where a person's wrapped key stands: its associated data. */
export const keyPlace = (personId: string, keyId: string) => `person/${personId}/${keyId}`;

/** What the vault holds instead of a key: something that was altered, or that belongs to somebody else. */
const brokenKey = Symbol('broken key');
type Unwrapped = Key | typeof brokenKey;

/** The keys of persons, unwrapped on first use and remembered for a while. */
export function createKeyring(
  vault: Pick<Vault, 'keyOf' | 'keysById'>,
  keyEncryption: KeyEncryption,
): Keyring {
  const byPerson = new LRUCache<string, Key>({ max: keysRemembered });
  const byId = new LRUCache<string, Key>({ max: keysRemembered });
  /** Who was erased while the vault may still be asked, or has just answered. */
  const forgotten = new LRUCache<string, true>({ max: keysRemembered });

  /** @throws UnknownWrappingKey: then no key of anybody can be trusted to be there. */
  function unwrap({ personId, keyId, wrappedKey }: WrappedKey): Unwrapped {
    const bytes = opened(() => keyEncryption.unwrap(wrappedKey, keyPlace(personId, keyId)));
    if (!bytes) return brokenKey;
    const key = { id: keyId, bytes };
    byPerson.set(personId, key);
    byId.set(keyId, key);
    return key;
  }

  async function keyOf(personId: string): Promise<Key> {
    const known = byPerson.get(personId);
    if (known) return known;
    const wrapped = await vault.keyOf(personId);
    if (!wrapped || forgotten.has(personId)) throw new UnknownPerson(personId);
    const key = unwrap(wrapped);
    if (key === brokenKey) throw new SealBroken(keyPlace(personId, wrapped.keyId));
    return key;
  }

  /** As the vault has it now: a key that is only remembered here may have been destroyed by another node. */
  async function hasKey(personId: string): Promise<boolean> {
    if (forgotten.has(personId)) return false;
    const isThere = (await vault.keyOf(personId)) !== undefined;
    // Whoever stands in the log and has no key has been erased, and will never have one again.
    if (!isThere) forgotten.set(personId, true);
    return isThere && !forgotten.has(personId);
  }

  /** Those that nobody has a key for, although their owner has one: it is not that which they name. */
  async function orphansOf(
    sealed: readonly string[],
    keys: ReadonlyMap<string, Unwrapped>,
    ownerOf: OwnerOf,
  ): Promise<ReadonlySet<string>> {
    const orphans = new Set<string>();
    for (const [index, text] of sealed.entries()) {
      if (keys.has(keyIdOf(text))) continue;
      const owner = ownerOf(index);
      if (owner !== undefined && (await hasKey(owner))) orphans.add(text);
    }
    return orphans;
  }

  return {
    seal: async (personId, text, place) => encrypt(await keyOf(personId), text, place),

    async opener(sealed, ownerOf) {
      const keys = new Map<string, Unwrapped>();
      const missing = new Set<string>();
      for (const keyId of new Set(sealed.map(keyIdOf))) {
        const known = byId.get(keyId);
        if (known) keys.set(keyId, known);
        else missing.add(keyId);
      }
      if (missing.size > 0) {
        for (const wrapped of await vault.keysById([...missing])) {
          if (!forgotten.has(wrapped.personId)) keys.set(wrapped.keyId, unwrap(wrapped));
        }
      }
      const orphans = ownerOf ? await orphansOf(sealed, keys, ownerOf) : nobody;
      return (text, place) => {
        if (!text.startsWith('v1:')) throw new SealBroken(place);
        const key = keys.get(keyIdOf(text));
        if (!key && orphans.has(text)) throw new SealBroken(place);
        if (!key) return erased;
        const plain = key === brokenKey ? undefined : opened(() => decrypt(key, text, place));
        if (!plain) throw new SealBroken(place);
        return plain.toString();
      };
    },

    forget(personId) {
      const key = byPerson.get(personId);
      if (key) byId.delete(key.id);
      byPerson.delete(personId);
      forgotten.set(personId, true);
    },
  };
}

/** Undefined for what does not open: it was altered, or moved from its place. */
function opened<Bytes>(open: () => Bytes): Bytes | undefined {
  try {
    return open();
  } catch (error) {
    if (error instanceof UnknownWrappingKey) throw error;
    return undefined;
  }
}
