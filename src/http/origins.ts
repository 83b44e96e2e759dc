// Browsers say which page a request comes from, in headers that no script can alter; other programs say nothing.

/** Whether a page of that origin may open a connection here: one of this server, or one that is allowed. */
export function isAllowedOrigin(request: Request, allowed: readonly string[]): boolean {
  const origin = request.headers.get('origin');
  if (origin === null || isListed(origin, allowed)) return true;
  try {
    return new URL(origin).host === request.headers.get('host');
  } catch {
    return false;
  }
}

/** The same for what a cookie alone may do: `Sec-Fetch-Site` counts too, also where there is no `Origin`. */
export function isFromOwnPages(request: Request, allowed: readonly string[]): boolean {
  if (!isAllowedOrigin(request, allowed)) return false;
  const site = request.headers.get('sec-fetch-site') ?? 'none';
  if (site === 'same-origin' || site === 'none') return true;
  const origin = request.headers.get('origin');
  return origin !== null && isListed(origin, allowed);
}

const isListed = (origin: string, allowed: readonly string[]) =>
  allowed.includes('*') || allowed.includes(origin);
