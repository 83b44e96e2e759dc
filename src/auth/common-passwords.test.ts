import { describe, expect, test } from 'bun:test';
import { isCommonPassword } from './common-passwords.ts';

describe('a password', () => {
  test.each(['password', 'PassWord1', '12345678', 'qwertyuiop'])(
    'like %s is common',
    (password) => {
      expect(isCommonPassword(password)).toBe(true);
    },
  );

  test.each(['', ' ', 'correct horse battery staple', 'passwordpasswordx'])(
    'like %j is not on the list',
    (password) => {
      expect(isCommonPassword(password)).toBe(false);
    },
  );
});
