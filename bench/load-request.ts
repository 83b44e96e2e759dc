import type { LoadSpecification } from './load-specification.ts';

const numberMark = '{number}';
const digits = 10;

/** The requests of a run, encoded once; only the digits of the number are written per request. */
export function requestSource(specification: LoadSpecification): () => Uint8Array {
  const templates = specification.paths.map((path) => encode(specification, path));
  let count = 0;
  return () => {
    const template = templates[count % templates.length]!;
    for (const offset of template.numberOffsets) writeNumber(template.bytes, offset, count);
    count++;
    return template.bytes;
  };
}

function encode({ method, host, port, headers, body }: LoadSpecification, path: string) {
  const mark = '\0'.repeat(digits);
  const payload = (body ?? '').replaceAll(numberMark, mark);
  const lines = [`${method} ${path} HTTP/1.1`, `Host: ${host}:${port}`, 'Connection: keep-alive'];
  for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`);
  if (body !== undefined) {
    lines.push('Content-Type: application/json', `Content-Length: ${Buffer.byteLength(payload)}`);
  }
  const bytes = Buffer.from(`${lines.join('\r\n')}\r\n\r\n${payload}`);
  return { bytes, numberOffsets: offsetsOf(bytes, mark) };
}

function offsetsOf(bytes: Buffer, mark: string) {
  const offsets: number[] = [];
  let from = bytes.indexOf(mark);
  while (from !== -1) {
    offsets.push(from);
    from = bytes.indexOf(mark, from + digits);
  }
  return offsets;
}

function writeNumber(bytes: Uint8Array, offset: number, number: number) {
  let rest = number;
  for (let place = offset + digits - 1; place >= offset; place--) {
    bytes[place] = 48 + (rest % 10);
    rest = Math.floor(rest / 10);
  }
}
