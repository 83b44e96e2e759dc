// What becomes of everything that is thrown. Foreseen failures have their status; whatever else is
// a defect: its cause goes to the log, the client gets the request id.
import type { TSchema } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { type AnyElysia, Elysia, type ValidationError } from 'elysia';
import type { Logger } from 'pino';
import { keyReused } from './idempotency.ts';
import { pathOf } from './paths.ts';
import { EdgeRefusal, problem, type Problem, requestIdHeader, type Set } from './problem.ts';

const detailsMax = 20;
const pathLengthMax = 100;
/** A field that we do not know is called as its sender called it: only what looks like a name is said again. */
const namesOnly = /^(?:\/\w{1,40})+$/;
/**
 * A disk that is full or fails, files that are damaged or locked; a database whose connection was lost, that
 * has no room, is read-only or takes too long: it may pass, and is no defect here.
 */
const storeTrouble =
  /^(?:SQLITE_(?:FULL|IOERR|READONLY|CORRUPT|NOTADB|CANTOPEN|BUSY|LOCKED)|CONNECT|ECONN|EPIPE$|ETIMEDOUT$|EAI_AGAIN$|ENOTFOUND$|(?:08|53|57|58)\w{3}$|25006$|55P03$|40001$|40P01$)/;
const retryAfterSeconds = '1';

type Answered = { readonly status: number; readonly body: Problem };

/** @param methodsAt The methods that a path answers to, to tell 405 from 404. */
export function errorHandling(logger: Logger, methodsAt: (path: string) => readonly string[]) {
  return new Elysia({ name: 'errors' }).onError(
    { as: 'global' },
    ({ code, error, set, request }) => {
      const path = pathOf(request);
      const answered = answer({ code, error, set, path, method: request.method });
      if (answered.status === 500) {
        logger.error(
          { requestId: answered.body.requestId, method: request.method, path, err: error },
          'defect',
        );
      }
      set.status = answered.status;
      return Response.json(answered.body, {
        status: answered.status,
        headers: set.headers as Record<string, string>,
      });
    },
  );

  function answer(failure: {
    code: unknown;
    error: unknown;
    set: Set;
    path: string;
    method: string;
  }): Answered {
    const { code, set, path, method } = failure;
    const error = unwrapped(failure.error);
    const refuse = (status: number, name: string, message: string): Answered => ({
      status,
      body: problem(set, name, message),
    });
    if (error instanceof EdgeRefusal) {
      Object.assign(set.headers, error.headers);
      return refuse(error.status, error.code, error.message);
    }
    if (isStatus(error)) return { status: error.code, body: error.response };
    switch (code) {
      case 'NOT_FOUND':
        return unknownRoute(set, othersThan(method, methodsAt(path)), refuse);
      case 'PARSE':
        return refuse(400, 'BAD_REQUEST', 'The body is not JSON.');
      case 'INVALID_COOKIE_SIGNATURE':
        return refuse(401, 'UNAUTHORIZED', 'The cookie is not ours.');
      case 'VALIDATION': {
        const validation = error as ValidationError;
        if (validation.type === 'response') break;
        if (validation.type === 'params' && isNoId(validation.value)) {
          return unknownRoute(set, [], refuse);
        }
        return { status: 422, body: invalid(set, validation) };
      }
    }
    switch ((error as { name?: string }).name) {
      case 'VersionConflict':
        return refuse(409, 'CONFLICT', 'Others changed it at the same time. Try again.');
      case 'CommandIdReused': {
        const { status, code: name, message } = keyReused();
        return refuse(status, name, message);
      }
      case 'Overloaded':
        set.headers['retry-after'] = retryAfterSeconds;
        return refuse(503, 'UNAVAILABLE', 'Too much is going on at once. Try again soon.');
      case 'UnknownPerson':
        return refuse(404, 'NOT_FOUND', 'This account no longer exists.');
      case 'QueueUnreachable':
        set.headers['retry-after'] = '10';
        return refuse(503, 'UNAVAILABLE', 'The queue of jobs does not answer at the moment.');
      case 'BlobsUnreachable':
        set.headers['retry-after'] = '10';
        return refuse(503, 'UNAVAILABLE', 'The storage of files does not answer at the moment.');
      case 'DatabaseUnavailable':
        set.headers['retry-after'] = '1';
        return refuse(503, 'UNAVAILABLE', 'The database cannot be used at the moment.');
      case 'WorkerGone':
      case 'LogNotDurable':
        set.headers['retry-after'] = '10';
        return refuse(503, 'UNAVAILABLE', 'The log cannot be written at the moment.');
    }
    if (storeTrouble.test(String((error as { code?: unknown }).code))) {
      logger.error({ requestId: set.headers[requestIdHeader], err: error }, 'a store fails');
      set.headers['retry-after'] = '10';
      return refuse(503, 'UNAVAILABLE', 'A store cannot be used at the moment.');
    }
    return refuse(500, 'INTERNAL', 'Something went wrong on our side.');
  }
}

/** None if the path answers to this very method: then it is another path that only looks alike. */
function othersThan(method: string, methods: readonly string[]): readonly string[] {
  return methods.includes(method) ? [] : methods;
}

type Refuse = (status: number, code: string, message: string) => Answered;

function unknownRoute(set: Set, methods: readonly string[], refuse: Refuse): Answered {
  if (methods.length === 0) return refuse(404, 'NOT_FOUND', 'There is nothing at this address.');
  set.headers['allow'] = methods.join(', ');
  return refuse(405, 'METHOD_NOT_ALLOWED', 'This address does not answer to this method.');
}

/** Whether an address asks for an id with a NUL in it: nothing has one. */
function isNoId(parts: unknown): boolean {
  const { id } = (parts ?? {}) as { readonly id?: unknown };
  return typeof id === 'string' && id.includes('\0');
}

/** Names each place that is wrong and what it must be; never the value that was sent. */
function invalid(set: Set, { type, validator, value }: ValidationError): Problem {
  const found = new Map<string, string>();
  for (const { path, message, schema } of errorsOf(validator as Checked, value)) {
    if (found.size === detailsMax) break;
    const isSayable = path.length <= pathLengthMax && namesOnly.test(path);
    const place = isSayable ? path : (schema.place ?? `/${type}`);
    if (!found.has(place))
      found.set(place, schema.mustBe ? `Must be ${schema.mustBe}.` : `${message}.`);
  }
  const details = [...found].map(([path, message]) => ({ path, message }));
  return problem(set, 'VALIDATION_ERROR', 'The request is not as it must be.', details);
}

type SchemaError = {
  readonly path: string;
  readonly message: string;
  readonly schema: { readonly mustBe?: string; readonly place?: string };
};
type Checked = TSchema | { readonly Errors: (value: unknown) => Iterable<SchemaError> };

/** A text that is read as a number comes with its schema, everything else with a compiled check. */
function errorsOf(checked: Checked, value: unknown): Iterable<SchemaError> {
  if (typeof checked['Errors'] === 'function') return checked['Errors'](value);
  return Value.Errors(checked as TSchema, value) as Iterable<unknown> as Iterable<SchemaError>;
}

/** Elysia wraps what a parser throws. */
function unwrapped(error: unknown): unknown {
  const { cause } = (error ?? {}) as { cause?: unknown };
  return cause instanceof EdgeRefusal ? cause : error;
}

/** A `throw status(…)` of a macro. */
function isStatus(error: unknown): error is { readonly code: number; readonly response: Problem } {
  const { code, response } = (error ?? {}) as { code?: unknown; response?: unknown };
  return typeof code === 'number' && typeof response === 'object' && response !== null;
}

/** Reads from the routes which methods a path answers to. */
export function methodsOf(app: AnyElysia) {
  const routes = app.routes
    .filter(({ method }) => /^[A-Z]+$/.test(method))
    .flatMap(({ method, path }) => {
      const segments = segmentsOf(path);
      const methods = method === 'GET' ? ['GET', 'HEAD'] : [method];
      return methods.map((one) => ({ method: one, segments }));
    });
  return (path: string) => {
    const asked = segmentsOf(path);
    const matching = routes.filter(({ segments }) => matches(segments, asked));
    return [...new Set(matching.map(({ method }) => method))];
  };
}

const segmentsOf = (path: string) => path.split('/').filter(Boolean);

function matches(route: readonly string[], asked: readonly string[]): boolean {
  if (route.length !== asked.length) return false;
  return route.every((segment, index) => segment.startsWith(':') || segment === asked[index]);
}
