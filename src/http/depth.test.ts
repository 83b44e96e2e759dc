import { describe, expect, test } from 'bun:test';
import { isDeeperThan } from './depth.ts';

const nested = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);

describe('JSON text', () => {
  test('is deeper than a limit from the first level beyond it', () => {
    expect(isDeeperThan(nested(32), 32)).toBe(false);
    expect(isDeeperThan(nested(33), 32)).toBe(true);
    expect(isDeeperThan('{"a":'.repeat(33) + '1' + '}'.repeat(33), 32)).toBe(true);
  });

  test('is as deep as it nests, not as it is wide', () => {
    expect(isDeeperThan(`[${'[],'.repeat(1_000)}[]]`, 2)).toBe(false);
  });

  test('has no depth inside its strings', () => {
    const text = JSON.stringify({ text: `${nested(40)}\\"[[[` });
    expect(isDeeperThan(text, 1)).toBe(false);
  });
});
