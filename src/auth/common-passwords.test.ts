import { describe, expect, test } from 'bun:test';
import { isCommonPassword } from './common-passwords.ts';

describe('a password', () => {
  test.each([
    'password',
    'PassWord1',
    '12345678',
    'qwertyuiop',
    'iloveyou',
    'trustno1',
    'starwars',
  ])('like %s is common', async (password) => {
    expect(await isCommonPassword(password)).toBe(true);
  });

  test.each(['', ' ', 'correct horse battery staple', 'passwordpasswordx', '🦉🐢🦊🐝🦋🐙🦔🐳'])(
    'like %j is not on the list',
    async (password) => {
      expect(await isCommonPassword(password)).toBe(false);
    },
  );

  const known = ['ada.lovelace@example.com', 'Ada Lovelace'];

  test.each(['Ada.Lovelace@example.com', 'ada.lovelace', 'ADA LOVELACE1815', 'refold2026'])(
    'like %s is what others know',
    async (password) => {
      expect(await isCommonPassword(password, ...known)).toBe(true);
    },
  );

  test('is not common because it begins with what others know', async () => {
    expect(await isCommonPassword('ada lovelace rides a horse', ...known)).toBe(false);
    expect(await isCommonPassword('ada lovelace1815')).toBe(false);
  });
});
