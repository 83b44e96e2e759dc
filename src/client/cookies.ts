import type { Fetch } from './access.ts';

/**
 * A fetch that keeps the cookies of the one server it is used for. A browser keeps them itself, shows none
 * to scripts and takes none from them; elsewhere nobody else would.
 */
export function fetchWithCookies(): Fetch {
  const jar = new Map<string, string>();
  return async (url, init = {}) => {
    const headers = new Headers(init.headers);
    if (jar.size > 0) headers.set('cookie', [...jar].map((pair) => pair.join('=')).join('; '));
    // A redirect could take the cookies to another server.
    const options = { ...init, headers, credentials: 'include', redirect: 'error' } as const;
    const response = await fetch(url, options);
    for (const line of response.headers.getSetCookie()) keep(jar, line);
    return response;
  };
}

function keep(jar: Map<string, string>, line: string) {
  const [pair = ''] = line.split(';');
  const equals = pair.indexOf('=');
  jar.set(pair.slice(0, equals).trim(), pair.slice(equals + 1).trim());
}
