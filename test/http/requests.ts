// What the HTTP tests share: requests as bytes or as fetch makes them, and how answers are checked.
import { expect } from 'bun:test';
import type { Problem } from '../../src/http/problem.ts';

export type Sent = {
  readonly token?: string;
  /** Sent as JSON. */
  readonly json?: unknown;
  readonly body?: NonNullable<RequestInit['body']>;
  readonly headers?: Readonly<Record<string, string>>;
};

/** A request in the raw, for what the typed client would not send. */
export async function send(
  url: string,
  route: `${string} /${string}`,
  { token, json, body, headers }: Sent = {},
): Promise<Response> {
  const [method = '', path = ''] = route.split(' ');
  return await fetch(url + path, {
    method,
    headers: {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(json !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(json !== undefined && { body: JSON.stringify(json) }),
    ...(body !== undefined && { body }),
  });
}

/** What a client gets for a refusal: the status, the one error body, and the same id twice. */
export async function expectProblem(response: Response, status: number, code: string) {
  const body = (await response.json()) as Problem;
  expect({ status: response.status, code: body.code }).toEqual({ status, code });
  expect(response.headers.get('content-type')).toStartWith('application/json');
  const { details, ...rest } = body;
  expect(rest).toEqual({
    success: false,
    code,
    message: expect.stringMatching(/\S/),
    requestId: response.headers.get('x-request-id') ?? 'no X-Request-Id',
  });
  return { ...rest, details: details ?? [] };
}

/** The bytes of a request over a socket of its own; answers what came back when the server is done. */
export async function exchange(url: string, ...pieces: readonly string[]) {
  const { hostname, port } = new URL(url);
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let received = '';
  const isWhole = () => {
    const [head, body] = received.split('\r\n\r\n');
    const length = /content-length: *(\d+)/i.exec(head ?? '')?.[1];
    return length !== undefined && body !== undefined && Buffer.byteLength(body) >= Number(length);
  };
  const socket = await Bun.connect({
    hostname,
    port: Number(port),
    socket: {
      open: (socket) => void socket.write(pieces.join('\r\n')),
      data(_, bytes) {
        received += bytes.toString();
        if (isWhole()) resolve(received);
      },
      close: () => resolve(received),
      error: (_, error) => reject(error),
    },
  });
  const text = await promise;
  socket.end();
  return toAnswer(text);
}

function toAnswer(text: string) {
  const [head = '', body = ''] = text.split('\r\n\r\n');
  const [statusLine = '', ...lines] = head.split('\r\n');
  const headers = new Headers(
    lines.map((line) => line.split(/: */, 2) as [string, string]).filter(([name]) => name),
  );
  return new Response(body, { status: Number(statusLine.split(' ')[1] ?? 599), headers });
}

export const uuid7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
export const isoTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** A SKU that no other test has. */
export const newSku = () => `SKU-${crypto.randomUUID()}`;
export const newRoom = () => `room-${crypto.randomUUID()}`;
export const newEmail = () => `${crypto.randomUUID()}@example.com`;

export const positionOf = ({ headers }: { readonly headers: Headers }) =>
  Number(headers.get('event-position') ?? Number.NaN);

/** Asks until the answer is as wanted; the test's own time limit ends it otherwise. */
export async function eventually<Answer>(
  ask: () => Promise<Answer>,
  isWanted: (answer: Answer) => boolean,
): Promise<Answer> {
  for (;;) {
    const answer = await ask();
    if (isWanted(answer)) return answer;
  }
}
