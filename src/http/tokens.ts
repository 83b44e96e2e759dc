// Access tokens: HS256, fifteen minutes, signed and verified by @elysiajs/jwt. A verified token is
// remembered until it expires, because verifying costs three times a whole request.
import { jwt } from '@elysiajs/jwt';
import { LRUCache } from 'lru-cache';
import { accessTokenSeconds } from '../auth/sessions.ts';
import type { Role } from '../events/users.ts';

const issuer = 'refold';
const type = 'at+jwt';
const remembered = 50_000;

export type Claims = {
  readonly sub: string;
  readonly sid: string;
  readonly role: Role;
  /** Seconds since 1970. */
  readonly exp: number;
};

export type Tokens = ReturnType<typeof createTokens>;

/** @param secrets The first signs, all verify. */
export function createTokens(secrets: readonly string[], newId: () => string) {
  const signers = secrets.map(
    (secret) =>
      jwt({ secret, alg: 'HS256', typ: type, iss: issuer, exp: `${accessTokenSeconds}s` }).decorator
        .jwt,
  );
  const verified = new LRUCache<string, Claims>({ max: remembered });
  const demands = {
    algorithms: ['HS256'],
    issuer,
    audience: issuer,
    typ: type,
    requiredClaims: ['sub', 'sid', 'role', 'exp', 'iat', 'jti'],
  };

  async function verify(token: string): Promise<Claims | undefined> {
    for (const signer of signers) {
      const claims = await signer.verify(token, demands);
      if (!claims) continue;
      verified.set(token, claims as unknown as Claims);
      return claims as unknown as Claims;
    }
    return undefined;
  }

  return {
    sign: ({ sub, sid, role }: Pick<Claims, 'sub' | 'sid' | 'role'>): Promise<string> =>
      signers[0]!.sign({ sub, sid, role, aud: issuer, jti: newId() }),

    /** The claims of a token seen before and not expired since. */
    known(token: string): Claims | undefined {
      const claims = verified.get(token);
      return claims && claims.exp * 1_000 > Date.now() ? claims : undefined;
    },

    /** The claims of a valid token; undefined for any other. */
    verify,
  };
}
