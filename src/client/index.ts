// The typed client: every route, body and status of the API, inferred from the server's own types.
// It brings no server code along, so a front end can import it.
import { treaty } from '@elysiajs/eden';
import type { App } from '../http/index.ts';

export type ClientOptions = {
  /** Read before each request, so that a renewed token is used at once. */
  readonly accessToken?: () => string | undefined;
  /** Sent with each request. */
  readonly headers?: Readonly<Record<string, string>>;
};

/** @param url Where the server is, such as `http://localhost:3000`. */
export function createClient(url: string, { accessToken, headers }: ClientOptions = {}) {
  return treaty<App>(url, {
    parseDate: false,
    headers: () => {
      const token = accessToken?.();
      return { ...headers, ...(token && { authorization: `Bearer ${token}` }) };
    },
  });
}
