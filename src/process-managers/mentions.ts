// Who a text mentions: `@` followed by somebody's address or display name. Names have spaces, so where
// one ends is known only by looking names up: each mention has candidates, and the longest known one wins.

/** More in one text are not looked at. */
const mentionsMax = 20;
/** A name has at most 200 characters, some of two UTF-16 units. */
const lengthMax = 400;
/** So many dots may an address have behind its `@`: each is another one to look up. */
const addressesMax = 6;
const addressLengthMax = 254;

/** Not within a word: `ada@example.com` mentions nobody. */
const mark = /(?<![\p{L}\p{M}\p{N}_])@(?=[^\s@])/gu;
const wordCharacter = /[\p{L}\p{M}\p{N}_]/u;
const space = /\s/u;
const addressShape = /^[^\s@]+@[^\s@.]+(?:\.[^\s@.]+)+$/;

/** What may stand behind one `@`, in lower case and NFC, the longest first. */
export type Mention = { readonly addresses: readonly string[]; readonly names: readonly string[] };

/** Who is known by a name: how many are, and one of them. */
export type Named = { readonly name: string; readonly id: string | null; readonly holders: number };

export type Known = {
  /** Users by their address. */
  readonly holders: ReadonlyMap<string, string>;
  readonly named: ReadonlyMap<string, Named>;
};

export function mentionsIn(text: string): readonly Mention[] {
  const normal = text.normalize('NFC');
  return [...normal.matchAll(mark)].slice(0, mentionsMax).map(({ index }) => {
    const [line = ''] = normal.slice(index + 1, index + 1 + lengthMax).split(/[\n\r]/, 1);
    const names = beginningsOf(line);
    const addresses = names.filter(
      (one) => one.length <= addressLengthMax && addressShape.test(one),
    );
    return { addresses: addresses.slice(-addressesMax), names };
  });
}

/** The beginnings of a line that end with a character and cut no word, longest first. */
function beginningsOf(line: string): string[] {
  const characters = [...line];
  const beginnings: string[] = [];
  let length = 0;
  for (const [index, character] of characters.entries()) {
    length += character.length;
    const next = characters[index + 1];
    if (space.test(character) || (isWord(character) && isWord(next))) continue;
    // Each by itself: how a letter is lowered may depend on what follows it.
    beginnings.push(line.slice(0, length).toLowerCase());
  }
  return beginnings.toReversed();
}

const isWord = (character: string | undefined) =>
  character !== undefined && wordCharacter.test(character);

/** Each user once; nobody for a name that several bear, and nobody for an unknown one. */
export function mentionedBy(mentions: readonly Mention[], known: Known): ReadonlySet<string> {
  const ids = new Set<string>();
  for (const { addresses, names } of mentions) {
    const address = addresses.find((one) => known.holders.has(one));
    const name = names.find((one) => known.named.has(one));
    const named = name === undefined ? undefined : known.named.get(name);
    const byName = named?.holders === 1 ? named.id : null;
    const id = address === undefined ? byName : known.holders.get(address);
    if (id) ids.add(id);
  }
  return ids;
}
