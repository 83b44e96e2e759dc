import { describe, expect, test } from 'bun:test';
import { createDigest } from '../storage/digest.ts';
import { createSignedPaths } from './signed-paths.ts';

const hour = 60 * 60 * 1_000;
const start = Date.parse('2026-01-01T10:20:00.000Z');

function signed(key = 'a key') {
  let now = start;
  const { sign, admits } = createSignedPaths(createDigest(Buffer.from(key)), () => now);
  return {
    sign,
    at(time: number) {
      now = time;
    },
    admits(address: string, path = address.split('?')[0]!) {
      const query = new URLSearchParams(address.split('?')[1]);
      return admits(path, Number(query.get('until')), query.get('proof') ?? '');
    },
  };
}

describe('a signed path', () => {
  test('admits until the hour after the next has begun', () => {
    const paths = signed();
    const address = paths.sign('/images/a.png');
    paths.at(Date.parse('2026-01-01T11:59:59.999Z'));
    expect(paths.admits(address)).toBe(true);
    paths.at(Date.parse('2026-01-01T12:00:00.000Z'));
    expect(paths.admits(address)).toBe(false);
  });

  test('is the same for an hour, so that caches know it', () => {
    const paths = signed();
    const address = paths.sign('/images/a.png');
    paths.at(Date.parse('2026-01-01T10:59:59.999Z'));
    expect(paths.sign('/images/a.png')).toBe(address);
    paths.at(start + hour);
    expect(paths.sign('/images/a.png')).not.toBe(address);
  });

  test('admits to no other path, to no later time, and not with another key', () => {
    const paths = signed();
    const address = paths.sign('/images/a.png');
    expect(paths.admits(address, '/images/b.png')).toBe(false);
    expect(paths.admits(address.replace(/until=\d+/, 'until=9999999999'))).toBe(false);
    expect(paths.admits(address.slice(0, -1))).toBe(false);
    expect(signed('another key').admits(address)).toBe(false);
  });
});
