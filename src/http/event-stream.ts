// One follower over server-sent events (WHATWG HTML, 9.2). A reader that does not keep up has one chunk
// waiting for it and no more; what comes then stays in the log until it has read on.
//
// Bun's direct streams hand a large chunk to the socket at once, any other at the end of the turn.
import type { Position } from '../kernel/stream.ts';
import type { Following, LiveFeed } from '../kernel/live-feed.ts';
import type { User } from './access.ts';
import type { Connection, Connections, EndReason } from './connections.ts';
import type { LiveEntry } from './live-entry.ts';

const chunkLength = 65_536;
const retryMsMin = 1_000;
const retryMsMax = 4_000;
const keepAliveFrame = ': still here\n\n';

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
  const ended = Promise.withResolvers<void>();
  let sink: ReadableStreamDirectController | undefined;
  let following: Following | undefined;
  let stalledSince: number | undefined;
  let isDraining = false;
  let isOver = false;

  function take(entries: readonly LiveEntry[]): number {
    let frames: string[] = [];
    let [length, looked] = [0, 0];
    for (const entry of entries) {
      if (length >= chunkLength) {
        send(frames);
        [frames, length] = [[], 0];
      }
      if (length === 0 && isDraining) {
        stalledSince ??= performance.now();
        return looked;
      }
      looked += 1;
      const frame = frameOf(entry);
      if (!frame) continue;
      frames.push(frame);
      length += frame.length;
    }
    send(frames);
    return entries.length;
  }

  function send(frames: readonly string[]) {
    if (frames.length === 0 || isOver) return;
    write(joined(frames));
    connections.delivered('sse', frames.length);
  }

  /** What the socket does not take waits in memory until all of it has gone. */
  function write(text: string) {
    void sink!.write(text);
    const flushed = sink!.flush(true);
    if (isDraining || typeof flushed === 'number') return;
    if (Bun.peek.status(flushed) !== 'pending') return;
    isDraining = true;
    flushed.then(drained, drained);
  }

  function drained() {
    isDraining = false;
    if (stalledSince === undefined || isOver) return;
    stalledSince = undefined;
    following!.resume();
  }

  function leave(reason: EndReason | 'left') {
    isOver = true;
    following?.stop();
    connections.remove(connection, reason);
    onEnd();
  }

  function end(reason: EndReason) {
    if (isOver) return;
    const isStalled = reason === 'stalled' || stalledSince !== undefined;
    leave(reason);
    hurry();
    // The connection is reset; a reason would be printed.
    if (isStalled) ended.reject();
    else {
      void sink?.end();
      ended.resolve();
    }
  }

  const source: Bun.DirectUnderlyingSource = {
    type: 'direct',
    pull(own: ReadableStreamDirectController) {
      sink = own;
      if (isOver) return void own.end();
      write(opening(after, isReset));
      following = feed.follow({ take, onFailure: () => end('failed') }, after);
      return ended.promise;
    },
    cancel() {
      ended.resolve();
      if (!isOver) leave('left');
    },
  };
  const connection: Connection = {
    kind: 'sse',
    user,
    end,
    stalledSince: () => stalledSince,
    keepAlive: () => void (!isDraining && sink && write(keepAliveFrame)),
  };
  connections.add(connection);
  return new Response(new ReadableStream(source), { headers });
}

type Joined = { readonly frames: readonly string[]; readonly text: string };

const nothing: Joined = { frames: [], text: '' };
let lastJoined = nothing;

/** One text for all who are given the same frames one after the other; it is not kept beyond this turn. */
function joined(frames: readonly string[]): string {
  const isSame = frames.length === lastJoined.frames.length && frames.every(isLast);
  if (isSame) return lastJoined.text;
  if (lastJoined === nothing) setImmediate(forgetLast);
  lastJoined = { frames, text: frames.join('') };
  return lastJoined.text;
}

const isLast = (frame: string, index: number) => frame === lastJoined.frames[index];

function forgetLast() {
  lastJoined = nothing;
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
