// Who is signed in. The access token stays in memory; the refresh token is a cookie that scripts in a page
// cannot read. A refresh token used twice ends its session, so only one refresh runs at a time: in this
// client, and in all tabs of a browser.
import { treaty } from '@elysiajs/eden';
import type { App } from '../http/index.ts';
import type { Access, Renewal } from './access.ts';
import { type BackOff, delayMs, pause } from './back-off.ts';
import { fetchWithCookies } from './cookies.ts';

export type Credentials = { readonly email: string; readonly password: string };

type SessionParts = {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>> | undefined;
  /** Called when the session has ended without `signOut`. */
  readonly onSignedOut: () => void;
  readonly backOff: BackOff;
};

type Held = { readonly token: string; readonly renewAt: number };

/** A token that is about to expire could do so on its way. */
const marginMs = 30_000;
/** Not many: the server takes the same refresh token again for some seconds at most. */
const lostMax = 2;

export function createSession({ url, headers, onSignedOut, backOff }: SessionParts) {
  const fetcher = fetchWithCookies() as typeof fetch;
  const { auth } = treaty<App>(url, { parseDate: false, fetcher, ...(headers && { headers }) });
  let held: Held | undefined;
  let renewing: Promise<Renewal> | undefined;

  /** The server may have exchanged the token although its answer was lost, and within its grace does so again. */
  async function exchange() {
    for (let lost = 0; ; lost += 1) {
      const answer = await auth.refresh.post();
      // Without a response nothing has come back.
      if (answer.response || lost === lostMax) return answer;
      await pause(delayMs(lost, backOff, 0, Math.random), new AbortController().signal);
    }
  }

  async function refresh(): Promise<Renewal> {
    const before = held;
    const { data, status } = await exchange();
    // Somebody has signed in or out since.
    if (held !== before) return held ? 'renewed' : 'refused';
    if (data) held = hold(data.accessToken);
    else if (status === 401) held = undefined;
    else return 'unavailable';
    if (before && !held) onSignedOut();
    return held ? 'renewed' : 'refused';
  }

  function refreshOnce(): Promise<Renewal> {
    renewing ??= alone(`refold refresh ${url}`, refresh).finally(() => (renewing = undefined));
    return renewing;
  }

  async function renew(refused: string | undefined): Promise<Renewal> {
    if (!held) return 'refused';
    return held.token === refused ? refreshOnce() : 'renewed';
  }

  const access: Access = {
    async token() {
      if (held && Date.now() >= held.renewAt) await renew(held.token);
      return held?.token;
    },
    renew,
  };

  return {
    access,

    async signIn(credentials: Credentials) {
      // Its cookie would come after the new one's.
      await renewing;
      const answer = await auth.login.post(credentials);
      if (answer.data) held = hold(answer.data.accessToken);
      return answer;
    },

    /** Takes up the session that the refresh cookie is of, after a page was loaded again. */
    async resume(): Promise<boolean> {
      return (held ? 'renewed' : await refreshOnce()) === 'renewed';
    },

    async signOut() {
      await renewing;
      const token = held?.token;
      held = undefined;
      const bearer = token === undefined ? {} : { authorization: `Bearer ${token}` };
      return await auth.logout.post(undefined, { headers: bearer });
    },
  };
}

/** By how long the token lives, not by when it ends: the clock here may be wrong. */
function hold(token: string): Held {
  const lifetimeMs = lifetimeSeconds(token) * 1_000;
  return { token, renewAt: Date.now() + lifetimeMs - Math.min(marginMs, lifetimeMs / 10) };
}

function lifetimeSeconds(token: string): number {
  const payload = token.split('.')[1]?.replaceAll('-', '+').replaceAll('_', '/');
  if (!payload) return Infinity;
  const { exp, iat } = JSON.parse(atob(payload)) as { exp?: number; iat?: number };
  return exp === undefined || iat === undefined ? Infinity : exp - iat;
}

type Locks = { readonly request: <Result>(name: string, work: () => Result) => Promise<Result> };

/** The tabs of a browser share the cookie, and so must take turns; elsewhere there are none. */
function alone<Result>(name: string, work: () => Promise<Result>): Promise<Result> {
  const { locks } = (globalThis.navigator ?? {}) as { locks?: Locks };
  return locks ? locks.request(name, work).then((result) => result) : work();
}
