// Spans of requests, and of what happens while they are answered. Loaded only where somebody collects them.
import { AsyncLocalStorage } from 'node:async_hooks';
import { type Attributes, type Span, SpanKind, type Tracer, trace } from '@opentelemetry/api';
import {
  ATTR_DB_OPERATION_BATCH_SIZE,
  ATTR_DB_SYSTEM_NAME,
} from '@opentelemetry/semantic-conventions';
import type { Commands } from './commands/index.ts';
import type { Config } from './config.ts';
import type { Append } from './kernel/event-log.ts';
import type { ReadQueries } from './queries/cached.ts';
import { type ExportParts, openExport } from './trace-export.ts';
import { beginRequest, endRequest, fail, noteRequestId, type Scope } from './trace-requests.ts';
import type { Tracing } from './tracing.ts';

type Parts = ExportParts & { readonly engine: Config['database']['engine'] };

export function createTracing({ engine, ...parts }: Parts): Tracing {
  const { tracer, close } = openExport(parts);
  const scopes = new AsyncLocalStorage<Scope>();
  const spanned = spansIn(scopes, tracer);
  return {
    ...requestTracing(scopes, tracer),
    ...appendTracing({ scopes, tracer, spanned }, engine === 'postgres' ? 'postgresql' : engine),

    commands: (commands) =>
      eachOf<Handler, Handler>(commands, (_, handle) => {
        const traced: Handler = (id, command, context) => {
          const name = `command ${(command as { readonly type: string }).type}`;
          return spanned(name, () => handle(id, command, context), noteOutcome);
        };
        return Object.assign(traced, handle);
      }) as unknown as Commands,

    queries: (queries) =>
      eachOf<Readonly<Record<string, Query>>, unknown>(queries, (group, ofGroup) =>
        eachOf<Query, Query>(
          ofGroup,
          (name, query) =>
            (...given) =>
              spanned(`query ${group}.${name}`, () => query(...given)),
        ),
      ) as ReadQueries,

    freshness: (freshness) => ({
      ...freshness,
      read: (request, userId) =>
        spanned('wait for read models', () => freshness.read(request, userId)),
    }),

    stop: close,
  };
}

type Handler = (id: string, command: never, context: never) => Promise<Outcome>;
type Outcome =
  | { readonly ok: true; readonly isRepeated: boolean }
  | { readonly ok: false; readonly rejection: string };
type Query = (...given: never[]) => Promise<unknown>;
type Scopes = AsyncLocalStorage<Scope>;
type Spanned = ReturnType<typeof spansIn>;

function requestTracing(
  scopes: Scopes,
  tracer: Tracer,
): Pick<Required<Tracing>, 'around' | 'countRequest'> {
  return {
    around: (answer, request) => {
      const scope = beginRequest(tracer, request);
      return (...given) => {
        const answered = scopes.run(scope, () => answer(...given));
        void noteAnswer(scope, answered);
        return answered;
      };
    },

    countRequest: (count) => (method, route, answer) => {
      count(method, route, answer);
      const scope = scopes.getStore();
      if (scope) endRequest(scope, route, answer.status);
    },
  };

  async function noteAnswer(scope: Scope, answered: unknown): Promise<void> {
    try {
      noteRequestId(scope, await answered);
    } catch {
      // It is an error for whoever waits for the answer.
    }
  }
}

type AppendParts = {
  readonly scopes: Scopes;
  readonly tracer: Tracer;
  readonly spanned: Spanned;
};

/** A batch is of many requests: its span is in the trace of the first, and linked to the others. */
function appendTracing(
  { scopes, tracer, spanned }: AppendParts,
  system: string,
): Pick<Tracing, 'store' | 'log'> {
  const waiting = new WeakMap<Append, Scope>();

  function begin(batch: readonly Append[]): Span | undefined {
    const [scope, ...others] = batch.flatMap((append) => waiting.get(append) ?? []);
    if (!scope) return undefined;
    const attributes: Attributes = {
      [ATTR_DB_SYSTEM_NAME]: system,
      [ATTR_DB_OPERATION_BATCH_SIZE]: batch.length,
      'refold.events': batch.flatMap(({ writes }) => writes.flatMap(({ events }) => events)).length,
    };
    const links = others.map(({ context }) => ({ context: trace.getSpanContext(context)! }));
    const options = { kind: SpanKind.CLIENT, attributes, links };
    return tracer.startSpan('append batch', options, scope.context);
  }

  return {
    store: (store) => ({
      ...store,
      append: (append) =>
        spanned('append', () => {
          const scope = scopes.getStore();
          if (scope?.server.isRecording()) waiting.set(append, scope);
          return store.append(append);
        }),
    }),

    log: (log) => ({
      ...log,
      append(batch) {
        const span = begin(batch);
        return span ? ended(span, log.append(batch)) : log.append(batch);
      },
    }),
  };
}

/** Puts a span around what happens while a request is answered whose caller wants it traced. */
function spansIn(scopes: Scopes, tracer: Tracer) {
  return <Answer>(
    name: string,
    work: () => Promise<Answer>,
    note?: (span: Span, answer: Answer) => void,
  ): Promise<Answer> => {
    const scope = scopes.getStore();
    if (!scope?.server.isRecording()) return work();
    const span = tracer.startSpan(name, {}, scope.context);
    const within = { ...scope, context: trace.setSpan(scope.context, span) };
    return ended(span, scopes.run(within, work), note);
  };
}

/** Hands the answer on as it is, and not a turn later; the span ends with it. */
function ended<Answer>(
  span: Span,
  answer: Promise<Answer>,
  note?: (span: Span, answer: Answer) => void,
): Promise<Answer> {
  void end();
  return answer;

  async function end(): Promise<void> {
    try {
      const value = await answer;
      note?.(span, value);
      span.end();
    } catch (error) {
      fail(span, error instanceof Error ? error.name : 'unknown');
    }
  }
}

function noteOutcome(span: Span, outcome: Outcome): void {
  if (outcome.ok) span.setAttribute('refold.outcome', outcome.isRepeated ? 'repeated' : 'accepted');
  else span.setAttributes({ 'refold.outcome': 'refused', 'refold.rejection': outcome.rejection });
}

function eachOf<Value, Result>(
  record: Readonly<Record<string, Value>>,
  change: (name: string, value: Value) => Result,
): Record<string, Result> {
  const changed = Object.entries(record).map(([name, one]) => [name, change(name, one)] as const);
  return Object.fromEntries(changed);
}
