import { describe, expect, test } from 'bun:test';
import { appendOf, streamOf, write } from '../../testing/log.ts';
import { groupEnds } from './append-batch.ts';

const claim = (key: string, kind = 'sku') => ({ kind, key, stream: streamOf(key) });
const leave = (key: string, kind = 'sku') => ({ ...claim(key, kind), keepsOne: true });

describe('appends are judged side by side', () => {
  test('when they have nothing in common', () => {
    const one = appendOf(write('a'), { commandId: 'one', take: [claim('a')] });
    const other = appendOf(write('b'), { commandId: 'other', take: [claim('b')] });
    expect(groupEnds([one, other])).toEqual([2]);
  });

  test('as none at all', () => {
    expect(groupEnds([])).toEqual([]);
  });
});

describe('an append is judged after an earlier one', () => {
  const after = [
    ['that writes to one of its streams', [write('a'), write('b')], [write('c'), write('b')]],
    ['that has the same command id', [write('a')], [write('b')], { commandId: 'once' }],
    ['that takes the same claim', [write('a')], [write('b')], { take: [claim('x')] }],
    [
      'that releases the claim',
      [write('a')],
      [write('b')],
      { release: [{ ...leave('x'), keepsOne: false }] },
      { take: [claim('x')] },
    ],
    [
      'that changes how many claims of a kind there are, if it must leave one',
      [write('a')],
      [write('b')],
      { take: [claim('x')] },
      { release: [leave('y')] },
    ],
  ] as const;

  test.each(after)('%s', (_, first, second, rest = {}, restOfSecond = rest) => {
    const batch = [appendOf(write('other')), appendOf(first, rest), appendOf(second, restOfSecond)];
    expect(groupEnds(batch)).toEqual([2, 3]);
  });
});
