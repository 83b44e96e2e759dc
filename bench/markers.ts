/** Counts how often a marker comes in a stream of bytes, however it is cut into chunks. */
export function createMarkerCounter(marker: Buffer): (chunk: Buffer) => number {
  /** The beginning of a marker at the end of a chunk, without a whole one. */
  let rest = Buffer.alloc(0);
  return (chunk) => {
    const bytes = rest.length > 0 ? Buffer.concat([rest, chunk]) : Buffer.from(chunk);
    let found = 0;
    for (let at = bytes.indexOf(marker); at >= 0; at = bytes.indexOf(marker, at + marker.length)) {
      found += 1;
    }
    rest = Buffer.from(bytes.subarray(Math.max(0, bytes.length - marker.length + 1)));
    return found;
  };
}
