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

describe('a hash that is weaker than new ones', () => {
  const options = { algorithm: 'argon2id', memoryCost: 19_456, timeCost: 2 } as const;

  test.each([
    ['in memory', { ...options, memoryCost: 8_192 }],
    ['in passes', { ...options, timeCost: 1 }],
    ['by its kind', { ...options, algorithm: 'argon2i' as const }],
    ['by its algorithm', { algorithm: 'bcrypt' as const, cost: 4 }],
  ])('%s is replaced', async (_, weaker) => {
    const hash = await Bun.password.hash('secret', weaker);
    expect(await passwords.matches('secret', hash)).toBe(true);
    const stronger = await passwords.strengthened('secret', hash);
    expect(await passwords.matches('secret', stronger)).toBe(true);
    expect(await passwords.strengthened('secret', stronger!)).toBeUndefined();
  });

  test('stays while others wait, and one that is stronger stays for good', async () => {
    const weaker = await Bun.password.hash('secret', { ...options, timeCost: 1 });
    const busy = createPasswords();
    const waiting = Array.from({ length: 4 }, () => busy.hash('secret'));
    expect(await busy.strengthened('secret', weaker)).toBeUndefined();
    await Promise.all(waiting);
    const stronger = await Bun.password.hash('secret', { ...options, timeCost: 3 });
    expect(await passwords.strengthened('secret', stronger)).toBeUndefined();
  });
});

describe('hashing for very many at once', () => {
  test('is refused as overloaded beyond those who may wait, and done for the others', async () => {
    const busy = createPasswords();
    const all = Array.from({ length: 70 }, () => busy.hash('secret'));
    const outcomes = await Promise.allSettled(all);
    const refused = outcomes.filter((one) => one.status === 'rejected');
    expect(refused.length).toBeGreaterThanOrEqual(4);
    expect(refused.length).toBeLessThanOrEqual(6);
    for (const { reason } of refused) expect(reason).toBeInstanceOf(Overloaded);
    expect(busy.load()).toEqual({ running: 0, waiting: 0, shed: refused.length });
    expect(await busy.hash('later')).toStartWith('$argon2id$');
  }, 20_000);
});
