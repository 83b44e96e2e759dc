// A real receiver of OTLP over HTTP for tests, in this process on a free port. It can be told how to behave.
import { until } from './until.ts';

export type CollectedSpan = {
  readonly name: string;
  readonly kind: number;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly links: readonly string[];
  /** 2 is an error. */
  readonly status: number | undefined;
  readonly attributes: Readonly<Record<string, unknown>>;
};

type Value = { readonly arrayValue?: { readonly values: readonly Value[] } } & Record<
  string,
  unknown
>;
type Attribute = { readonly key: string; readonly value: Value };
type Span = Omit<CollectedSpan, 'attributes' | 'links' | 'status'> & {
  readonly attributes: readonly Attribute[];
  readonly links?: readonly { readonly traceId: string }[];
  readonly status?: { readonly code?: number };
};
type Export = {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly Attribute[] };
    readonly scopeSpans: readonly { readonly spans: readonly Span[] }[];
  }[];
};

type Answer = 'accepts' | 'refuses';
/** What it holds it answers when it is told to. */
type Behaviour = Answer | 'holds';

export type Collector = ReturnType<typeof startCollector>;

export function startCollector() {
  const bodies: string[] = [];
  let sentWith = new Headers();
  let behaviour: Behaviour = 'accepts';
  let abandoned = 0;
  const held: ((answer: Answer) => void)[] = [];
  let requests = 0;

  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    idleTimeout: 0,
    routes: {
      '/v1/traces': {
        async POST(request) {
          request.signal.addEventListener('abort', () => (abandoned += 1));
          const body = await request.text();
          requests += 1;
          if ((await answer()) === 'refuses') return new Response('no', { status: 400 });
          sentWith = request.headers;
          bodies.push(body);
          return Response.json({ partialSuccess: {} });
        },
      },
    },
    fetch: () => new Response(null, { status: 404 }),
  });

  function answer(): Answer | Promise<Answer> {
    if (behaviour !== 'holds') return behaviour;
    return new Promise<Answer>((resolve) => held.push(resolve));
  }

  const exports = () => bodies.map((body) => JSON.parse(body) as Export);
  const spans = () =>
    exports()
      .flatMap(({ resourceSpans }) => resourceSpans)
      .flatMap(({ scopeSpans }) => scopeSpans)
      .flatMap(({ spans }) => spans)
      .map(toCollected);

  return {
    endpoint: `http://127.0.0.1:${server.port}`,
    url: `http://127.0.0.1:${server.port}/v1/traces`,
    /** How often it was asked to take something. */
    requests: () => requests,
    /** How often nobody has waited for the answer. */
    abandoned: () => abandoned,
    /** The headers of what was taken last. */
    sentWith: () => sentWith,
    /** Everything that has been taken, as it came. */
    text: () => bodies.join('\n'),
    resource: () => record(exports()[0]!.resourceSpans[0]!.resource.attributes),
    spans,
    behave(next: Behaviour) {
      behaviour = next;
    },
    /** Answers what is held: all of it, or the one that came at a place. */
    answer(answer: Answer, place?: number) {
      const answered = place === undefined ? held : held.slice(place, place + 1);
      for (const resolve of answered) resolve(answer);
    },
    /** Waits for the end of a request with this trace id, and answers the spans of the trace. */
    async trace(traceId: string): Promise<CollectedSpan[]> {
      const ofTrace = () => spans().filter((span) => span.traceId === traceId);
      await until(() => ofTrace().some(({ kind }) => kind === serverKind));
      return ofTrace();
    },
    async stop() {
      for (const resolve of held) resolve('refuses');
      await server.stop(true);
    },
  };
}

export const serverKind = 2;

function toCollected({ attributes, links = [], status, ...span }: Span): CollectedSpan {
  return {
    ...span,
    links: links.map(({ traceId }) => traceId),
    status: status?.code,
    attributes: record(attributes),
  };
}

function record(attributes: readonly Attribute[]) {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, plain(value)]));
}

function plain({ arrayValue, ...value }: Value): unknown {
  return arrayValue ? arrayValue.values.map(plain) : Object.values(value)[0];
}
