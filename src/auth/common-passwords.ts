// Passwords that are tried first: those that lead the lists of leaked ones, which the package brings with
// its licence (MIT), and what anybody knows of the account.

/** What it is all called. */
const ours = ['refold'];
const lengthMin = 8;

/** Loaded when the first password is chosen: it takes a while, which no start should. */
let leaked: Promise<ReadonlySet<string>> | undefined;

/** @param known What an attacker knows of whoever chooses the password: their address and name. */
export async function isCommonPassword(
  password: string,
  ...known: readonly string[]
): Promise<boolean> {
  const word = plain(password);
  const guesses = [...known.flatMap(partsOf), ...ours].map(plain);
  return guesses.includes(withoutDigits(word)) || (await (leaked ??= loadLeaked())).has(word);
}

async function loadLeaked(): Promise<ReadonlySet<string>> {
  const { dictionary } = await import('@zxcvbn-ts/language-common');
  const passwords = dictionary['passwords-common'] as readonly string[];
  return new Set(passwords.filter(({ length }) => length >= lengthMin));
}

const plain = (text: string) => text.trim().normalize('NFC').toLowerCase();

/** An address, and what stands before its `@`. */
const partsOf = (text: string) => [text, text.split('@')[0]!];

/** Whoever must use digits puts them at the end. */
function withoutDigits(word: string): string {
  let end = word.length;
  while (end > 0 && word[end - 1]! >= '0' && word[end - 1]! <= '9') end -= 1;
  return word.slice(0, end);
}
