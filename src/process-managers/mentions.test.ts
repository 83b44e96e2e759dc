import { describe, expect, test } from 'bun:test';
import { type Known, mentionedBy, mentionsIn } from './mentions.ts';

const people = {
  ada: 'ada',
  'ada lovelace': 'ada-lovelace',
  bob: 'bob',
  'cyd.': 'cyd',
  'o\u2019neill': 'oneill',
  'caf\u00e9': 'cafe',
  '\u5f20\u4f1f': 'wei',
  '\u03bf\u03b4\u03c5\u03c3\u03c3\u03b5\u03c5\u03c2': 'odysseus',
};
const known: Known = {
  holders: new Map([
    ['ada@example.com', 'ada-by-address'],
    ['b.o-b+x@mail.example.org', 'bob-by-address'],
  ]),
  named: new Map([
    ...Object.entries(people).map(([name, id]) => [name, { name, id, holders: 1 }] as const),
    ['eve', { name: 'eve', id: 'eve-1', holders: 2 }],
    ['ada lovelace jr', { name: 'ada lovelace jr', id: 'jr-1', holders: 2 }],
  ]),
};

test('a text asks for few addresses, however many dots stand behind a mark', () => {
  const hostile = Array.from({ length: 20 }, (_, index) => `@a${index}@b${'.b'.repeat(45)}`);
  const addresses = mentionsIn(hostile.join(' ')).flatMap((one) => one.addresses);
  expect(addresses.length).toBeLessThanOrEqual(20 * 6);
});

const mentioned = (text: string) => [...mentionedBy(mentionsIn(text), known)];

describe('a text', () => {
  test.each([
    ['@Bob', ['bob']],
    ['Hi @Bob!', ['bob']],
    ['(@BOB) and @bob, and @bOB.', ['bob']],
    ['@Bob and @Ada', ['bob', 'ada']],
    ['@Bob\n@Ada', ['bob', 'ada']],
    ['@@bob', ['bob']],
    ['"@bob"', ['bob']],
    ['-@bob', ['bob']],
    ['@o\u2019Neill\u2019s turn', ['oneill']],
    ['@Cyd. is here', ['cyd']],
    ['@cyd.', ['cyd']],
    ['@\u5f20\u4f1f \u4f60\u597d', ['wei']],
  ])('mentions by name: %j', (text, expected) => {
    expect(mentioned(text)).toEqual(expected);
  });

  test.each([
    ['@ada@example.com', ['ada-by-address']],
    ['@Ada@Example.COM, hello', ['ada-by-address']],
    ['ask @ada@example.com.', ['ada-by-address']],
    ['(@b.o-b+x@mail.example.org)', ['bob-by-address']],
    ['@ada@example.com @bob', ['ada-by-address', 'bob']],
  ])('mentions by address: %j', (text, expected) => {
    expect(mentioned(text)).toEqual(expected);
  });

  test.each([
    'nobody',
    'bob',
    '@',
    '@ bob',
    '@bobby',
    '@bob_',
    '@bob2',
    'x@bob',
    'bob@ada',
    'ada@example.com',
    '@unknown@example.com',
    '@\nbob',
    '',
  ])('mentions nobody: %j', (text) => {
    expect(mentioned(text)).toEqual([]);
  });

  test('means the longest name there is', () => {
    expect(mentioned('@Ada Lovelace wrote')).toEqual(['ada-lovelace']);
    expect(mentioned('@Ada Lovelaces')).toEqual(['ada']);
    expect(mentioned('@Ada\nLovelace')).toEqual(['ada']);
  });

  test('means nobody by a name that several have, though a shorter one is known', () => {
    expect(mentioned('@Eve')).toEqual([]);
    expect(mentioned('@Ada Lovelace Jr')).toEqual([]);
  });

  test('means the same in every Unicode spelling and case', () => {
    expect(mentioned('@Cafe\u0301 opens')).toEqual(['cafe']);
    expect(mentioned('@CAF\u00c9')).toEqual(['cafe']);
    expect(mentioned('@\u039f\u0394\u03a5\u03a3\u03a3\u0395\u03a5\u03a3.x')).toEqual(['odysseus']);
    expect(mentioned('@Bob\u0301')).toEqual([]);
  });

  test('of nothing but marks and signs is looked through in no time', () => {
    const names = ['@a'.repeat(2_000), '@-.'.repeat(1_333), `@${'a.b-'.repeat(999)}`].flatMap(
      (text) => mentionsIn(text).flatMap((mention) => [...mention.names, ...mention.addresses]),
    );
    expect(names.length).toBeLessThan(25_000);
  });
});
