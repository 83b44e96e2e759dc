// What the server says in a chat room. The types stop at the network, so each frame is looked at.
import type { Posted } from './posts.ts';
import { Garbled } from './problems.ts';

export type ChatMessage = {
  readonly id: string;
  /** The author's user id. */
  readonly from: string;
  readonly name: string;
  readonly data: { readonly text: string };
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly position: number;
};

export type Member = { readonly id: string; readonly name: string };

export type ServerFrame =
  | ({ readonly type: 'message' } & ChatMessage)
  | ({ readonly type: 'withdrawn' } & Posted)
  | ({ readonly type: 'ack'; readonly ref?: string } & Posted)
  | {
      readonly type: 'error';
      readonly code: string;
      readonly message: string;
      readonly ref?: string;
    }
  | { readonly type: 'presence'; readonly users: readonly Member[] };

type Check = (value: unknown) => boolean;

const text: Check = (value) => typeof value === 'string';
const number: Check = (value) => typeof value === 'number';
const position: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const perhaps =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);
const listOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check);
const record =
  (fields: Readonly<Record<string, Check>>): Check =>
  (value) =>
    isRecord(value) && Object.entries(fields).every(([name, check]) => check(value[name]));

const checks: Readonly<Record<ServerFrame['type'], Check>> = {
  message: record({
    id: text,
    from: text,
    name: text,
    data: record({ text }),
    at: number,
    position,
  }),
  withdrawn: record({ id: text, position }),
  ack: record({ ref: perhaps(text), id: text, position }),
  error: record({ code: text, message: text, ref: perhaps(text) }),
  presence: record({ users: listOf(record({ id: text, name: text })) }),
};

/**
 * Undefined for a frame of a type that nobody knows here: a newer server may say more.
 * @throws Garbled
 */
export function readFrame(frame: unknown): ServerFrame | undefined {
  const said = parseTyped(frame);
  if (!Object.hasOwn(checks, said.type)) return undefined;
  if (!checks[said.type as ServerFrame['type']](said)) throw new Garbled(frame);
  return said as unknown as ServerFrame;
}

/**
 * The object, with a type, that the text is of.
 * @throws Garbled
 */
export function parseTyped(source: unknown): Readonly<Record<string, unknown>> & { type: string } {
  const value = typeof source === 'string' ? parsed(source) : undefined;
  if (!isRecord(value) || typeof value['type'] !== 'string') throw new Garbled(source);
  return value as typeof value & { type: string };
}

function parsed(source: string): unknown {
  try {
    return JSON.parse(source);
  } catch {
    throw new Garbled(source);
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
