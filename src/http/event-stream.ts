// One follower over server-sent events (WHATWG HTML, 9.2). A reader that does not keep up has a megabyte
// waiting for it and no more; what comes then stays in the log until it has read on.
import type { Position } from '../kernel/stream.ts';
import type { LiveFeed } from '../kernel/live-feed.ts';
import type { User } from './access.ts';
import type { Connection, Connections, EndReason } from './connections.ts';
import type { LiveEntry } from './live-entry.ts';

const waitingBytesMax = 1_048_576;
const chunkLength = 65_536;
const retryMsMin = 1_000;
const retryMsMax = 4_000;
const encoder = new TextEncoder();
const keepAliveFrame = encoder.encode(': still here\n\n');

const headers = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
};

export type StreamRequest = {
  readonly user: User;
  /** Everything later is sent. */
  readonly after: Position;
  /** The client's position was none of this log: it must forget what it knows. */
  readonly isReset: boolean;
  /** The frame that this follower gets of an event, if any. */
  readonly frameOf: (entry: LiveEntry) => string | undefined;
  /** Called once, when the stream has ended in whatever way. */
  readonly onEnd: () => void;
  /** Called when we end it: what the reader does not take soon is not kept for it. */
  readonly hurry: () => void;
};

export function eventStream(
  feed: LiveFeed<LiveEntry>,
  connections: Connections,
  { user, after, isReset, frameOf, onEnd, hurry }: StreamRequest,
): Response {
  let controller: ReadableStreamDefaultController<Uint8Array>;
  let stalledSince: number | undefined;
  let isOver = false;

  const hasRoom = () => (controller.desiredSize ?? 0) > 0;

  function take(entries: readonly LiveEntry[]): number {
    let [frames, count] = ['', 0];
    for (const [index, entry] of entries.entries()) {
      if (frames.length >= chunkLength) {
        send(frames, count);
        [frames, count] = ['', 0];
      }
      if (frames === '' && !hasRoom()) {
        stalledSince ??= performance.now();
        return index;
      }
      const frame = frameOf(entry);
      if (!frame) continue;
      frames += frame;
      count += 1;
    }
    send(frames, count);
    return entries.length;
  }

  function send(frames: string, count: number) {
    if (count === 0 || isOver) return;
    controller.enqueue(encoder.encode(frames));
    connections.delivered('sse', count);
  }

  function leave(reason: EndReason | 'left') {
    isOver = true;
    following.stop();
    connections.remove(connection, reason);
    onEnd();
  }

  function end(reason: EndReason) {
    if (isOver) return;
    const isStalled = reason === 'stalled' || stalledSince !== undefined;
    leave(reason);
    hurry();
    if (isStalled) controller.error(new Error('The reader has stalled.'));
    else controller.close();
  }

  const body = new ReadableStream<Uint8Array>(
    {
      start(own) {
        controller = own;
        controller.enqueue(encoder.encode(opening(after, isReset)));
      },
      pull() {
        if (stalledSince === undefined || isOver) return;
        stalledSince = undefined;
        following.resume();
      },
      cancel() {
        if (!isOver) leave('left');
      },
    },
    { highWaterMark: waitingBytesMax, size: (chunk) => chunk!.byteLength },
  );
  const connection: Connection = {
    kind: 'sse',
    user,
    end,
    stalledSince: () => stalledSince,
    keepAlive: () => void (hasRoom() && controller.enqueue(keepAliveFrame)),
  };
  const following = feed.follow({ take, onFailure: () => end('failed') }, after);
  connections.add(connection);
  return new Response(body, { headers });
}

/**
 * Clients come back after a while of their own, lest all of them come at once. The id without data is no
 * event: it tells where the stream begins, so that a connection lost before the first event resumes there.
 */
function opening(after: Position, isReset: boolean): string {
  const retry = retryMsMin + Math.floor(Math.random() * (retryMsMax - retryMsMin));
  const reset = isReset ? `id: ${after}\nevent: reset\ndata: {"head":${after}}\n\n` : '';
  return `retry: ${retry}\nid: ${after}\n: connected\n\n${reset}`;
}
