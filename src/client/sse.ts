// Server-sent events (WHATWG HTML, 9.2) from text as it arrives, in pieces of any size.

import { Garbled } from './problems.ts';

export type Frame = {
  /** The last `id:` of the stream so far; undefined before the first. */
  readonly id: string | undefined;
  readonly event: string;
  /** Undefined in a frame that only moves the id. */
  readonly data: string | undefined;
};

/** More than any event has; a server that sends no line end must not fill the memory. */
const frameCharsMax = 4_194_304;

/** @param onRetry Told the milliseconds that the server wants clients to wait. */
export function createSseParser(onRetry: (ms: number) => void = () => {}) {
  let rest = '';
  let isFirst = true;
  let id: string | undefined;
  let hasId = false;
  let event = '';
  let data: string[] = [];
  let chars = 0;

  function take(line: string): Frame | undefined {
    if (line === '') return dispatch();
    const colon = line.indexOf(':');
    if (colon === 0) return undefined;
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    chars += value.length;
    if (name === 'data') data.push(value);
    else if (name === 'event') event = value;
    else if (name === 'id' && !value.includes('\0')) [id, hasId] = [value, true];
    else if (name === 'retry' && /^\d+$/.test(value)) onRetry(Number(value));
    return undefined;
  }

  function dispatch(): Frame | undefined {
    const isEmpty = data.length === 0;
    const frame = { id, event: event || 'message', data: isEmpty ? undefined : data.join('\n') };
    const isSaying = !isEmpty || hasId;
    [event, data, hasId, chars] = ['', [], false, 0];
    return isSaying ? frame : undefined;
  }

  /** @throws Garbled when a frame has no end. */
  return function* push(chunk: string): Generator<Frame> {
    rest += isFirst ? chunk.replace(/^\uFEFF/, '') : chunk;
    if (chunk !== '') isFirst = false;
    let start = 0;
    for (const { 0: end, index } of rest.matchAll(/\r\n|\n|\r/g)) {
      // A carriage return at the end may be the first half of a line end.
      if (end === '\r' && index === rest.length - 1) break;
      const frame = take(rest.slice(start, index));
      start = index + end.length;
      if (frame) yield frame;
    }
    rest = rest.slice(start);
    if (rest.length + chars > frameCharsMax) {
      throw new Garbled(`a frame of more than ${frameCharsMax} characters`);
    }
  };
}
