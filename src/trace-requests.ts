// The span of a request, by the semantic conventions for HTTP servers. It shows no text that a client has made
// up: no query, no address, no header, and of a path only ids.
import {
  type Context,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { parseTraceParent } from '@opentelemetry/core';
import {
  ATTR_ERROR_TYPE,
  ATTR_HTTP_REQUEST_METHOD,
  ATTR_HTTP_RESPONSE_HEADER,
  ATTR_HTTP_RESPONSE_STATUS_CODE,
  ATTR_HTTP_ROUTE,
  ATTR_URL_PATH,
  ATTR_URL_SCHEME,
} from '@opentelemetry/semantic-conventions';
import { pathOf } from './http/paths.ts';
import { requestIdHeader } from './http/problem.ts';

/** A request that is being answered, and the span that is open in it. */
export type Scope = {
  readonly request: Request;
  readonly server: Span;
  readonly context: Context;
};

const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);
const redacted = 'REDACTED';
const uuid = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i;

/** Goes on with the trace that the caller is in, if it says so. */
export function beginRequest(tracer: Tracer, request: Request): Scope {
  const parent = parseTraceParent(request.headers.get('traceparent') ?? '');
  const caller = parent
    ? trace.setSpanContext(ROOT_CONTEXT, { ...parent, isRemote: true })
    : ROOT_CONTEXT;
  const attributes = {
    [ATTR_HTTP_REQUEST_METHOD]: methods.has(request.method) ? request.method : '_OTHER',
    [ATTR_URL_SCHEME]: request.url.slice(0, request.url.indexOf(':')),
  };
  const server = tracer.startSpan(nameOf(request), { kind: SpanKind.SERVER, attributes }, caller);
  return { request, server, context: trace.setSpan(caller, server) };
}

/** It leads to the line in the log; one that a client has made up may be any text. */
export function noteRequestId({ server }: Scope, response: unknown): void {
  const id = response instanceof Response ? response.headers.get(requestIdHeader) : null;
  if (id === null || !uuid.test(id)) return;
  server.setAttribute(ATTR_HTTP_RESPONSE_HEADER(requestIdHeader), [id]);
}

export function endRequest(
  { server, request }: Scope,
  route: string | undefined,
  status: number,
): void {
  server.setAttribute(ATTR_HTTP_RESPONSE_STATUS_CODE, status);
  server.setAttribute(ATTR_URL_PATH, shownPath(request, route));
  if (route) {
    server.updateName(`${nameOf(request)} ${route}`);
    server.setAttribute(ATTR_HTTP_ROUTE, route);
  }
  if (status >= 500) fail(server, String(status));
  else server.end();
}

/** What has failed is in the log: its message may hold anything. */
export function fail(span: Span, type: string): void {
  span.setAttribute(ATTR_ERROR_TYPE, type);
  span.setStatus({ code: SpanStatusCode.ERROR });
  span.end();
}

const nameOf = ({ method }: Request) => (methods.has(method) ? method : 'HTTP');

function shownPath(request: Request, route: string | undefined): string {
  if (!route) return `/${redacted}`;
  const given = pathOf(request).split('/');
  const parts = route.split('/').map((part, index) => {
    if (!/^[:*]/.test(part)) return part;
    const text = given[index] ?? '';
    return uuid.test(text) ? text : redacted;
  });
  return parts.join('/');
}
