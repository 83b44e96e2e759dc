// A stream of server-sent events over fetch, and what its server refuses it with.
import type { Fetch } from './access.ts';
import { retryAfterMs } from './back-off.ts';
import type { Ending } from './connection.ts';
import { Garbled, isFinal, refusalOf } from './problems.ts';
import type { Watch } from './silence.ts';
import { createSseParser, type Frame } from './sse.ts';

/** Why a request was refused, for the connection that it was made for. */
export async function refused(response: Response): Promise<Ending> {
  const cause = await refusalOf(response);
  const atLeastMs = retryAfterMs(response.headers.get('retry-after'));
  return { cause, isFinal: isFinal(cause), atLeastMs };
}

/** @param after Resumes behind this position. */
export function openStream(
  fetch: Fetch,
  url: string,
  watch: Watch,
  after?: number,
): Promise<Response> {
  const headers = new Headers({ accept: 'text/event-stream' });
  if (after !== undefined) headers.set('last-event-id', String(after));
  return watch.wait(fetch(url, { headers, signal: watch.signal }));
}

/** @param onRetry Told the milliseconds that the server wants clients to wait. */
export async function* framesOf(
  body: ReadableStream<Uint8Array>,
  watch: Watch,
  onRetry?: (ms: number) => void,
): AsyncGenerator<Frame> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  const parse = createSseParser(onRetry);
  try {
    for (;;) {
      const { done, value } = await watch.wait(reader.read());
      if (done) return;
      yield* parse(decoder.decode(value, { stream: true }));
    }
  } finally {
    void reader.cancel().catch(() => {});
  }
}

/** The position that a frame stands at. */
export function placeOf({ id, event, data }: Frame): number {
  if (id !== undefined && /^\d+$/.test(id)) return Number(id);
  throw new Garbled(`${event} ${data} without a position`);
}
