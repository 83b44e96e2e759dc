// Access tokens: HS256, fifteen minutes, signed and verified by @elysiajs/jwt. A verified token is
// remembered until it expires, because verifying costs three times a whole request.
import { createHmac } from 'node:crypto';
import { jwt } from '@elysiajs/jwt';
import { type Static, Type } from '@sinclair/typebox';
import { TypeCompiler } from '@sinclair/typebox/compiler';
import { LRUCache } from 'lru-cache';
import { accessTokenSeconds } from '../auth/sessions.ts';
import { Role } from '../events/users.ts';
import { strict } from './schemas.ts';

const issuer = 'refold';
const type = 'at+jwt';
const algorithm = 'HS256';
const remembered = 50_000;
/** Ours have less than 600. */
const lengthMax = 2_048;

/** Whatever else a header may say, such as which key to use, is not for the sender to say. */
const Header = TypeCompiler.Compile(
  strict({ alg: Type.Literal(algorithm), typ: Type.Literal(type), kid: Type.String() }),
);

const Text = Type.String({ minLength: 1 });
const Claims = Type.Object({
  sub: Text,
  sid: Text,
  jti: Text,
  role: Role,
  /** Seconds since 1970. */
  exp: Type.Integer(),
});
const checked = TypeCompiler.Compile(Claims);
export type Claims = Readonly<Pick<Static<typeof Claims>, 'sub' | 'sid' | 'role' | 'exp'>>;

export type Tokens = ReturnType<typeof createTokens>;

/** @param secrets The first signs, all verify; a token names the one it was signed with. */
export function createTokens(secrets: readonly string[], newId: () => string) {
  const signers = secrets.map((secret) => {
    const kid = keyIdOf(secret);
    const claims = { iss: issuer, aud: issuer, exp: `${accessTokenSeconds}s` };
    return [kid, jwt({ secret, alg: algorithm, typ: type, kid, ...claims }).decorator.jwt] as const;
  });
  const signerOf = new Map(signers);
  const verified = new LRUCache<string, Claims>({ max: remembered });
  const demands = {
    algorithms: [algorithm],
    issuer,
    audience: issuer,
    typ: type,
    requiredClaims: ['sub', 'sid', 'role', 'exp', 'iat', 'jti'],
    // Also refuses one that is said to be issued in the future.
    maxTokenAge: accessTokenSeconds,
  };

  return {
    sign: ({ sub, sid, role }: Pick<Claims, 'sub' | 'sid' | 'role'>): Promise<string> =>
      signers[0]![1].sign({ sub, sid, role, jti: newId() }),

    /** The claims of a token seen before and not expired since. */
    known(token: string): Claims | undefined {
      const claims = verified.get(token);
      return claims && claims.exp * 1_000 > Date.now() ? claims : undefined;
    },

    /** The claims of a valid token; undefined for any other. */
    async verify(token: string): Promise<Claims | undefined> {
      const claims = await signerOf.get(namedKeyOf(token) ?? '')?.verify(token, demands);
      if (!claims || !checked.Check(claims)) return undefined;
      verified.set(token, claims);
      return claims;
    },
  };
}

/** Tells secrets apart, and no more of them than a signature does. */
function keyIdOf(secret: string): string {
  return createHmac('sha256', secret).update('refold key id').digest('base64url').slice(0, 16);
}

/** Undefined for a token that is not written, or whose header is not, exactly as ours are. */
function namedKeyOf(token: string): string | undefined {
  if (token.length > lengthMax || !token.split('.').every(isPlainBase64url)) return undefined;
  try {
    const header: unknown = JSON.parse(Buffer.from(token.split('.')[0]!, 'base64url').toString());
    return Header.Check(header) ? header.kid : undefined;
  } catch {
    return undefined; // No header at all.
  }
}

/** The last character has bits that decode to nothing: with other ones there it is another text, and refused. */
function isPlainBase64url(text: string): boolean {
  return Buffer.from(text, 'base64url').toString('base64url') === text;
}
