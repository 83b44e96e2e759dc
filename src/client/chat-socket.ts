// One WebSocket of a room: opened, asked for signs of life, and closed at the first frame that is none.
import { readFrame, type ServerFrame } from './frames.ts';
import { createLiveness } from './liveness.ts';
import { Silence } from './silence.ts';

type SocketParts = {
  readonly address: string;
  readonly token: string | undefined;
  readonly silenceMs: number;
  readonly stop: AbortSignal;
  readonly onOpen: (socket: WebSocket) => void;
  readonly onFrame: (frame: ServerFrame) => void;
};

type Closed = {
  readonly code: number;
  readonly wasOpen: boolean;
  readonly cause: Error;
};

/**
 * The server's own pings are not shown to scripts, and scripts in browsers can send none. A post without a text
 * is refused, and so answered, and counts for nothing else.
 */
const ping = JSON.stringify({ text: '', ref: 'ping' });

/** Resolves when it is closed, by whom ever. */
export function converse(parts: SocketParts): Promise<Closed> {
  const { address, token, silenceMs, stop, onOpen, onFrame } = parts;
  const { promise, resolve } = Promise.withResolvers<Closed>();
  const socket = new WebSocket(address, token === undefined ? [] : ['bearer', token]);
  let liveness: ReturnType<typeof createLiveness> | undefined;
  let isOver = false;

  const end = (code: number, cause: Error) => {
    isOver = true;
    clearTimeout(opening);
    liveness?.end();
    stop.removeEventListener('abort', leave);
    socket.close();
    resolve({ code, wasOpen: liveness !== undefined, cause });
  };
  const fail = (cause: Error) => end(1006, cause);
  const close = (code: number, reason: string) =>
    end(code, new Error(`The connection was closed: ${code} ${reason}`.trim()));
  const leave = () => close(1000, 'left');
  const opening = setTimeout(() => fail(new Silence(silenceMs)), silenceMs);
  stop.addEventListener('abort', leave);

  socket.addEventListener('open', () => {
    if (isOver) return;
    clearTimeout(opening);
    liveness = createLiveness(silenceMs, () => socket.send(ping), fail);
    onOpen(socket);
  });
  socket.addEventListener('message', ({ data }) => {
    if (isOver) return;
    liveness?.heard();
    try {
      const frame = readFrame(data);
      if (frame) onFrame(frame);
    } catch (error) {
      fail(error as Error);
    }
  });
  socket.addEventListener('close', ({ code, reason }) => close(code, reason));
  return promise;
}
