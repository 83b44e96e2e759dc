import { describe, expect, test } from 'bun:test';
import { createRecentRoles } from './recent-roles.ts';
import { createRecent } from './recent.ts';

function startRecent() {
  let seconds = 0;
  const recent = createRecent<number>(900, () => seconds * 1_000);
  return { ...recent, at: (time: number) => void (seconds = time) };
}

describe('what has changed lately', () => {
  test('is known for as long as a token may be, and a minute more', () => {
    const recent = startRecent();
    recent.set('a', 1);
    recent.at(959);
    recent.set('b', 2);
    expect([recent.get('a'), recent.get('b')]).toEqual([1, 2]);
  });

  test('is forgotten then, and what changed later is not', () => {
    const recent = startRecent();
    recent.set('a', 1);
    recent.at(100);
    recent.set('b', 2);
    recent.at(960);
    recent.set('c', 3);
    expect([recent.get('a'), recent.get('b'), recent.get('c')]).toEqual([undefined, 2, 3]);
  });

  test('is known from its last change', () => {
    const recent = startRecent();
    recent.set('a', 1);
    recent.at(500);
    recent.set('a', 2);
    recent.at(960);
    recent.set('b', 3);
    expect(recent.get('a')).toBe(2);
  });
});

describe('a role that has changed lately', () => {
  test('is the newest in the log, in whichever order the changes are noted', () => {
    const roles = createRecentRoles<string>();
    roles.note('ada', 'admin', 9 as never);
    roles.note('ada', 'user', 7 as never);
    expect(roles.of('ada')).toBe('admin');
    expect(roles.of('bob')).toBeUndefined();
  });
});
