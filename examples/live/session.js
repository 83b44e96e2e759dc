// Signing in, and staying so. The access token lives only in this page; the refresh token is in a cookie
// that scripts cannot read.
let server = '';
let accessToken = '';
let refreshing;

export class SignedOut extends Error {}

export const address = (path) => new URL(path, server);
/** For `new WebSocket`: a browser cannot set a header when it opens one. */
export const protocols = () => ['bearer', accessToken];

export async function signIn(url, email, password) {
  server = url;
  const answer = await send('POST', '/auth/login', { email, password });
  accessToken = answer.accessToken;
}

/** Asks the API; an access token that has expired is replaced once. */
export async function ask(method, path) {
  try {
    return await send(method, path);
  } catch (error) {
    if (!(error instanceof SignedOut)) throw error;
    await refresh();
    return await send(method, path);
  }
}

/** One at a time: a refresh token that is used twice counts as stolen, and ends the session. */
function refresh() {
  refreshing ??= send('POST', '/auth/refresh')
    .then((answer) => (accessToken = answer.accessToken))
    .finally(() => (refreshing = undefined));
  return refreshing;
}

async function send(method, path, json) {
  const response = await fetch(address(path), {
    method,
    credentials: 'include',
    headers: {
      ...(accessToken && { authorization: `Bearer ${accessToken}` }),
      ...(json && { 'content-type': 'application/json' }),
    },
    ...(json && { body: JSON.stringify(json) }),
  });
  const body = await response.json();
  if (response.status === 401) throw new SignedOut(body.message);
  if (!response.ok) throw new Error(body.message);
  return body;
}
