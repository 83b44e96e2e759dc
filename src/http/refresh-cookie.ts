// The cookie of the refresh token. In production its name makes browsers refuse it from anywhere but this very
// host over TLS, so that no neighbour in the same domain can slip in a session of theirs; its path must be `/` then.
import type { Cookie } from 'elysia';
import type { Edge } from './edge.ts';

type Cookies = Record<string, Cookie<unknown>>;
type Kept = { readonly refreshToken: string; readonly seconds: number };

export function refreshCookie({ isProduction }: Pick<Edge, 'isProduction'>) {
  const name = isProduction ? '__Host-refold_refresh' : 'refold_refresh';
  const path = isProduction ? '/' : '/auth';
  const attributes = { httpOnly: true, sameSite: 'strict', secure: isProduction, path } as const;
  return {
    name,
    in(cookies: Cookies): string | undefined {
      const value = cookies[name]?.value;
      return typeof value === 'string' && value !== '' ? value : undefined;
    },
    keep(cookies: Cookies, { refreshToken, seconds }: Kept): void {
      cookies[name]!.set({ value: refreshToken, maxAge: seconds, ...attributes });
    },
    drop(cookies: Cookies): void {
      cookies[name]!.set({ value: '', maxAge: 0, ...attributes });
    },
  };
}
