// A refresh token is `session id . 256 random bits . signature`. The signature is checked before the vault is asked,
// which knows the random bits only by their SHA-256.
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

const tokenBytes = 32;

/** @param secrets The first signs, all verify. */
export function createRefreshTokens(secrets: readonly string[]) {
  function sign(unsigned: string, secret = secrets[0] ?? ''): string {
    return createHmac('sha256', secret).update(unsigned).digest('base64url');
  }

  return {
    /** A new one for a session. */
    issue(id: string) {
      const token = randomBytes(tokenBytes).toString('base64url');
      const unsigned = `${id}.${token}`;
      return { hash: sha256(token), refreshToken: `${unsigned}.${sign(unsigned)}` };
    },

    /** Undefined unless it was issued here. */
    read(refreshToken: string): { id: string; hash: string } | undefined {
      const [id, token, signature] = refreshToken.split('.');
      if (!id || !token || !signature) return undefined;
      const isSigned = secrets.some((secret) => isSame(sign(`${id}.${token}`, secret), signature));
      return isSigned ? { id, hash: sha256(token) } : undefined;
    },
  };
}

function sha256(token: string): string {
  return createHash('sha256').update(token).digest('base64url');
}

function isSame(expected: string, actual: string): boolean {
  const [a, b] = [Buffer.from(expected), Buffer.from(actual)];
  return a.length === b.length && timingSafeEqual(a, b);
}
