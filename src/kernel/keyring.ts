import type { Erased } from './event.ts';

/** Opens one sealed field; `place` must be the one it was sealed for. */
export type Opener = (sealed: string, place: string) => string | Erased;

export type OwnerOf = (index: number) => string | undefined;

/** Port to the keys of persons: seals personal fields on their way into the log and opens them. */
export type Keyring = {
  /**
   * Encrypts `text` under the key of a person, bound to the place it stands in.
   * @throws UnknownPerson when that person has no key (never registered, or erased).
   */
  readonly seal: (person: string, text: string, place: string) => Promise<string>;
  /**
   * Fetches the keys of all these sealed fields at once and answers a function that opens them.
   * The function throws `SealBroken` for a field that was altered or moved from its place.
   * @param ownerOf Whose the field at an index is, where that is known: one under a key that nobody has is
   *   `erased` only if its owner has none either.
   */
  readonly opener: (sealed: readonly string[], ownerOf?: OwnerOf) => Promise<Opener>;
  /** The person has been erased: from now on there is no key of theirs here, whatever the vault still holds. */
  readonly forget: (person: string) => void;
};

export type Rotated = {
  /** Wrapped anew now. */
  readonly wrapped: number;
  /** By the first secret already. */
  readonly unchanged: number;
};

/** Port to wrapping every key anew by the first of the configured secrets. */
export type KeyRotation = {
  /** Names the secret that wraps. */
  readonly keyId: string;
  /** Harmless to repeat, and to be repeated when it was interrupted. */
  readonly rotate: () => Promise<Rotated>;
};

export class UnknownPerson extends Error {
  override readonly name = 'UnknownPerson';
  readonly person: string;
  constructor(person: string) {
    super(`There is no key for person ${person}.`);
    this.person = person;
  }
}

export class SealBroken extends Error {
  override readonly name = 'SealBroken';
  readonly place: string;
  constructor(place: string) {
    super(`The sealed field at ${place} was altered or does not belong there.`);
    this.place = place;
  }
}
