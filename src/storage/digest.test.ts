import { describe, expect, test } from 'bun:test';
import { createDigest } from './digest.ts';

const digest = createDigest(Buffer.from('key'));

describe('a keyed digest', () => {
  test('is the same for the same kind and value, and for no other', () => {
    expect(digest('email', 'ada')).toBe(digest('email', 'ada'));
    const others = [
      digest('email', 'bob'),
      digest('sku', 'ada'),
      createDigest(Buffer.from('k'))('email', 'ada'),
    ];
    expect(others).not.toContain(digest('email', 'ada'));
  });

  test('is HMAC-SHA256 in base64url, for ever: it stands in the log', () => {
    const expected = new Bun.CryptoHasher('sha256', 'key').update('email\nada').digest('base64url');
    expect(digest('email', 'ada')).toBe(expected);
    expect(digest('email', 'ada')).toBe('7zQSmK_5ISItcNDFgyE9EeAczuJGCcpk_7JXcUl_Ycs');
  });
});
