declare const brand: unique symbol;

/** `category-id`: the ordered events of one subject. */
export type StreamName = string & { readonly [brand]: 'StreamName' };

/** How many events a stream holds: 1 after its first event, 0 for a stream without any. */
export type Version = number & { readonly [brand]: 'Version' };

/** The place of an event in the whole log: from 1, contiguous, in commit order; 0 is before all. */
export type Position = number & { readonly [brand]: 'Position' };

export const noEvents = 0 as Version;
export const logStart = 0 as Position;

/** Names the streams of one category: `streamNamer('product')(id)` is `product-<id>`. */
export function streamNamer(category: string) {
  return (id: string) => `${category}-${id}` as StreamName;
}

/** The part after the first dash: the id of the stream's subject. */
export function idOf(stream: StreamName): string {
  return stream.slice(stream.indexOf('-') + 1);
}

/** The part before the first dash: what kind of subject the stream is about. */
export function categoryOf(stream: StreamName): string {
  return stream.slice(0, stream.indexOf('-'));
}
