/** The path as it was sent; Elysia's is wrong after a very short or malformed `Host`. */
export function pathOf({ url }: Request): string {
  return /^(?:[a-z]+:\/\/[^/?#]*)?([^?#]*)/.exec(url)?.[1] || '/';
}

/** What an address asks for, whatever `Host` has made of the rest: it may be no URL at all. */
export function queryOf({ url }: Request): URLSearchParams {
  return new URLSearchParams(/\?([^#]*)/.exec(url)?.[1]);
}
