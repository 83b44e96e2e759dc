// Wraps every key anew by the first secret of CRYPTO_SECRET, so that the later ones may go. Nothing that was sealed
// changes: the keys stay as they are. Whatever is interrupted is gone on with by doing it again.
import type { KeyRotation, Rotated } from '../kernel/keyring.ts';
import type { Rewrap, Vault } from '../kernel/vault.ts';
import type { KeyEncryption } from './key-encryption.ts';
import { keyPlace } from './keyring.ts';

const pageSize = 500;

type Parts = {
  readonly vault: Pick<Vault, 'keysAfter' | 'rewrapKeys' | 'secrets' | 'rewrapSecrets' | 'scrub'>;
  readonly keyEncryption: KeyEncryption;
};

type Wrapped = { readonly id: string; readonly wrapped: string; readonly place: string };

export function createKeyRotation({ vault, keyEncryption }: Parts): KeyRotation {
  const { isCurrent, unwrap, wrap } = keyEncryption;
  const anew = ({ id, wrapped, place }: Wrapped): Rewrap => {
    return { id, from: wrapped, to: wrap(unwrap(wrapped, place), place) };
  };

  /** @throws UnknownWrappingKey when the secret of one of them is not configured. */
  async function rotatePart(
    all: readonly Wrapped[],
    replace: (rewraps: readonly Rewrap[]) => Promise<void>,
  ): Promise<Rotated> {
    const rewraps = all.filter(({ wrapped }) => !isCurrent(wrapped)).map(anew);
    if (rewraps.length > 0) await replace(rewraps);
    return { wrapped: rewraps.length, unchanged: all.length - rewraps.length };
  }

  async function secrets(): Promise<readonly Wrapped[]> {
    const kept = await vault.secrets();
    return kept.map(({ name, wrapped }) => ({ id: name, wrapped, place: name }));
  }

  async function keysAfter(personId: string): Promise<readonly Wrapped[]> {
    const keys = await vault.keysAfter(personId, pageSize);
    return keys.map((key) => {
      return {
        id: key.personId,
        wrapped: key.wrappedKey,
        place: keyPlace(key.personId, key.keyId),
      };
    });
  }

  return {
    keyId: keyEncryption.currentId,
    async rotate(): Promise<Rotated> {
      let total = await rotatePart(await secrets(), vault.rewrapSecrets);
      let last = '';
      for (;;) {
        const page = await keysAfter(last);
        total = sum(total, await rotatePart(page, vault.rewrapKeys));
        if (page.length < pageSize) break;
        last = page.at(-1)!.id;
      }
      await vault.scrub();
      return total;
    },
  };
}

function sum(one: Rotated, other: Rotated): Rotated {
  return {
    wrapped: one.wrapped + other.wrapped,
    unchanged: one.unchanged + other.unchanged,
  };
}
