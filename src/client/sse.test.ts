import { describe, expect, test } from 'bun:test';
import { Garbled } from './problems.ts';
import { createSseParser, type Frame } from './sse.ts';

function framesOf(...chunks: readonly string[]): Frame[] {
  const parse = createSseParser();
  return chunks.flatMap((chunk) => [...parse(chunk)]);
}

const frame = { id: '7', event: 'ProductCreated', data: '{"a":1}' };

describe('a stream of server-sent events', () => {
  test('gives each frame with its id, type and data', () => {
    expect(framesOf('id: 7\nevent: ProductCreated\ndata: {"a":1}\n\n')).toEqual([frame]);
  });

  test.each(['\n', '\r\n', '\r'])('may end its lines with %j', (end) => {
    const text = ['id: 7', 'event: ProductCreated', 'data: {"a":1}', '', ': x', ''].join(end);
    expect(framesOf(text)).toEqual([frame]);
  });

  test('may come in pieces of any size', () => {
    const text = 'id: 7\r\nevent: ProductCreated\r\ndata: {"a":1}\r\n\r\nid: 8\r\ndata: é\r\n\r\n';
    const whole = framesOf(text);
    expect(whole).toEqual([frame, { id: '8', event: 'message', data: 'é' }]);
    expect(framesOf(...text)).toEqual(whole);
    for (let cut = 0; cut <= text.length; cut += 1) {
      expect(framesOf(text.slice(0, cut), text.slice(cut))).toEqual(whole);
    }
  });

  test('may hold comments, fields nobody knows, and values without a space', () => {
    const text = ': still here\n\nid:7\nevent:ProductCreated\nfoo: bar\nfoo\ndata:{"a":1}\n\n';
    expect(framesOf(text)).toEqual([frame]);
  });

  test('keeps only the first space of a value apart, and joins lines of data', () => {
    expect(framesOf('data:  a\ndata\ndata: b: c\n\n')).toEqual([
      { id: undefined, event: 'message', data: ' a\n\nb: c' },
    ]);
  });

  test('keeps the last id, and forgets the type', () => {
    expect(framesOf('id: 7\nevent: A\ndata: 1\n\ndata: 2\n\n')).toEqual([
      { id: '7', event: 'A', data: '1' },
      { id: '7', event: 'message', data: '2' },
    ]);
  });

  test('may move the id without an event', () => {
    expect(framesOf('id: 7\n\nevent: A\n\n')).toEqual([
      { id: '7', event: 'message', data: undefined },
    ]);
  });

  test('gives nothing of a frame that has no end, and ignores an id with a null in it', () => {
    expect(framesOf('id: 7\ndata: 1\n')).toEqual([]);
    expect(framesOf('id: 7\0\ndata: 1\n\n')).toEqual([
      { id: undefined, event: 'message', data: '1' },
    ]);
  });

  test('may begin with a byte order mark', () => {
    expect(framesOf('\uFEFFdata: 1\n\n', '\uFEFFdata: 2\n\n')).toEqual([
      { id: undefined, event: 'message', data: '1' },
    ]);
  });

  test('tells how long to wait before coming back', () => {
    const waits: number[] = [];
    const parse = createSseParser((ms) => waits.push(ms));
    expect([...parse('retry: 1500\nretry: soon\nretry: -1\n\n')]).toEqual([]);
    expect(waits).toEqual([1_500]);
  });

  test('is refused when a frame grows without end', () => {
    const parse = createSseParser();
    const line = `data: ${'x'.repeat(1_000_000)}\n`;
    expect(() => {
      for (let count = 0; count < 5; count += 1) parse(line).next();
    }).toThrow(Garbled);
    expect(() => [...createSseParser()('x'.repeat(5_000_000))]).toThrow(Garbled);
  });
});
