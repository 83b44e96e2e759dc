import { describe, expect, test } from 'bun:test';
import { Overloaded } from '../kernel/group-commit.ts';
import { createPasswords } from './passwords.ts';

const passwords = createPasswords();

describe('a hashed password', () => {
  test('is Argon2id of the strength that OWASP asks for, salted each time', async () => {
    const hashes = await Promise.all([passwords.hash('secret'), passwords.hash('secret')]);
    for (const hash of hashes) expect(hash).toStartWith('$argon2id$v=19$m=19456,t=2,p=1$');
    expect(hashes[0]).not.toBe(hashes[1]);
  });

  test('matches the password it was made of, in any Unicode spelling, and no other', async () => {
    const hash = await passwords.hash('caf\u00e9 au lait');
    expect(await passwords.matches('cafe\u0301 au lait', hash)).toBe(true);
    expect(await passwords.matches('cafe au lait', hash)).toBe(false);
    expect(await passwords.matches('', hash)).toBe(false);
  });

  test('of nobody matches nothing, and takes its time to say so', async () => {
    await passwords.matches('warm up', undefined);
    const start = performance.now();
    expect(await passwords.matches('any', undefined)).toBe(false);
    const unknown = performance.now() - start;
    const hash = await passwords.hash('secret');
    const restart = performance.now();
    await passwords.matches('wrong', hash);
    expect(unknown).toBeGreaterThan((performance.now() - restart) / 4);
  });
});

describe('hashing for very many at once', () => {
  test('is refused as overloaded beyond a hundred who wait, and done for the others', async () => {
    const busy = createPasswords();
    const all = Array.from({ length: 105 }, () => busy.hash('secret'));
    const outcomes = await Promise.allSettled(all);
    const refused = outcomes.filter((one) => one.status === 'rejected');
    expect(refused.length).toBeGreaterThanOrEqual(3);
    expect(refused.length).toBeLessThanOrEqual(6);
    for (const { reason } of refused) expect(reason).toBeInstanceOf(Overloaded);
    expect(busy.load()).toEqual({ running: 0, waiting: 0, shed: refused.length });
    expect(await busy.hash('later')).toStartWith('$argon2id$');
  }, 20_000);
});
