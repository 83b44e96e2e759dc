/** The path as it was sent; Elysia's is wrong after a very short or malformed `Host`. */
export function pathOf({ url }: Request): string {
  return /^(?:[a-z]+:\/\/[^/?#]*)?([^?#]*)/.exec(url)?.[1] || '/';
}
