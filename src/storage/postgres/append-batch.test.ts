import { describe, expect, test } from 'bun:test';
import type { Append, Write } from '../../kernel/event-log.ts';
import { appendOf, streamOf, write } from '../../testing/log.ts';
import { groupEnds } from './append-batch.ts';

const claim = (key: string) => ({ kind: 'sku', key, stream: streamOf(key) });

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
  type Side = readonly [Write[], Partial<Append>];
  type Case = readonly [string, Side, Side];
  const release = { ...claim('x'), keepsOne: false };
  const once = { commandId: 'once' };
  const after: Case[] = [
    [
      'writes to one of its streams',
      [[write('a'), write('b')], {}],
      [[write('c'), write('b')], {}],
    ],
    ['has the same command id', [[write('a')], once], [[write('b')], once]],
    [
      'takes the same claim',
      [[write('a')], { take: [claim('x')] }],
      [[write('b')], { take: [claim('x')] }],
    ],
    [
      'releases its claim',
      [[write('a')], { release: [release] }],
      [[write('b')], { take: [claim('x')] }],
    ],
    [
      'changes how many claims of a kind there are, if it must leave one',
      [[write('a')], { take: [claim('x')] }],
      [[write('b')], { release: [{ ...claim('y'), keepsOne: true }] }],
    ],
  ];

  test.each(after)('that %s', (_, first, second) => {
    const batch = [appendOf(write('other')), appendOf(...first), appendOf(...second)];
    expect(groupEnds(batch)).toEqual([2, 3]);
  });
});
