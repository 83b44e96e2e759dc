// Everything that is not a success has one body: `{ success: false, code, message, requestId }`.
import { type Static, Type } from '@sinclair/typebox';
import { strict } from './schemas.ts';

const Detail = strict({ path: Type.String(), message: Type.String() });

export const Problem = Type.Object(
  {
    success: Type.Literal(false),
    code: Type.String({ examples: ['NOT_FOUND'] }),
    message: Type.String({ examples: ['There is no such product.'] }),
    requestId: Type.String({ examples: ['019aa0c4-7a3e-7000-8000-5b2f3d1c9e10'] }),
    details: Type.Optional(Type.Array(Detail)),
  },
  { additionalProperties: false },
);
export type Problem = Static<typeof Problem>;

export type Set = { headers: Record<string, string | number>; status?: number | string };

export const requestIdHeader = 'x-request-id';

export function problem(
  set: Set,
  code: string,
  message: string,
  details?: Problem['details'],
): Problem {
  const requestId = String(set.headers[requestIdHeader] ?? '');
  const body = { success: false, code, message, requestId } as const;
  return details ? { ...body, details } : body;
}

/** The `response` entries of a route for the refusals it can give. */
export function problems<const Status extends number>(...statuses: readonly Status[]) {
  return Object.fromEntries(statuses.map((status) => [status, Problem])) as {
    readonly [One in Status]: typeof Problem;
  };
}

/** A refusal that the edge makes before any handler runs. */
export class EdgeRefusal extends Error {
  override readonly name = 'EdgeRefusal';
  readonly status: number;
  readonly code: string;
  readonly headers: Readonly<Record<string, string>>;
  constructor(
    status: number,
    code: string,
    message: string,
    headers: Readonly<Record<string, string>> = {},
  ) {
    super(message);
    this.status = status;
    this.code = code;
    this.headers = headers;
  }
}
