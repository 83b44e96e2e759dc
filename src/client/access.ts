// Requests that carry an access token, and what happens when it is no longer taken.

export type Renewal =
  | 'renewed'
  /** There is nobody to sign in as. */
  | 'refused'
  /** Nobody can tell now. */
  | 'unavailable';

export type Access = {
  /** The token for the next request, renewed if it is about to expire. */
  readonly token: () => Promise<string | undefined>;
  /** Gets another token than the one that was refused. */
  readonly renew: (refused: string | undefined) => Promise<Renewal>;
};

export type Fetch = (url: string, init?: RequestInit) => Promise<Response>;

/** Tokens that the caller looks after. */
export function accessBy(token: () => string | undefined): Access {
  return {
    token: () => Promise.resolve(token()),
    renew: (refused) => Promise.resolve(token() === refused ? 'refused' : 'renewed'),
  };
}

/** A request that is answered 401 has done nothing, so it is sent once more with a renewed token. */
export function fetchWith(access: Access, always: Readonly<Record<string, string>> = {}): Fetch {
  return async (url, init = {}) => {
    const headers = new Headers({ ...always });
    new Headers(init.headers).forEach((value, name) => headers.set(name, value));
    if (headers.has('authorization')) return fetch(url, { ...init, headers });
    const token = await access.token();
    const response = await fetch(url, { ...init, headers: withToken(headers, token) });
    if (response.status !== 401 || token === undefined || init.body instanceof ReadableStream) {
      return response;
    }
    if ((await access.renew(token)) !== 'renewed') return response;
    const renewed = await access.token();
    await response.body?.cancel();
    return fetch(url, { ...init, headers: withToken(headers, renewed) });
  };
}

function withToken(headers: Headers, token: string | undefined): Headers {
  if (token !== undefined) headers.set('authorization', `Bearer ${token}`);
  return headers;
}
