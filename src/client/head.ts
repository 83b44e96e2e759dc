// Where the log ends. A stream of events that begins live says so before anything else.
import type { Fetch } from './access.ts';
import type { Ending } from './connection.ts';
import { Garbled } from './problems.ts';
import type { Watch } from './silence.ts';
import { framesOf, openStream, placeOf, refused } from './stream.ts';

/** @throws Garbled */
export async function findHead(
  fetch: Fetch,
  url: string,
  watch: Watch,
): Promise<{ readonly head: number } | { readonly refusal: Ending }> {
  const response = await openStream(fetch, `${url}/events/stream`, watch);
  if (!response.ok || !response.body) return { refusal: await refused(response) };
  for await (const frame of framesOf(response.body, watch)) return { head: placeOf(frame) };
  throw new Garbled('a stream without a beginning');
}
