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

type Behaviour = 'accepts' | 'refuses' | 'is silent';

export type Collector = ReturnType<typeof startCollector>;

export function startCollector() {
  const bodies: string[] = [];
  let behaviour: Behaviour = 'accepts';
  let requests = 0;
  const never = Promise.withResolvers<Response>();

  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    idleTimeout: 0,
    routes: {
      '/v1/traces': {
        async POST(request) {
          requests += 1;
          if (behaviour === 'is silent') return await never.promise;
          if (behaviour === 'refuses') return new Response('no', { status: 400 });
          bodies.push(await request.text());
          return Response.json({ partialSuccess: {} });
        },
      },
    },
    fetch: () => new Response(null, { status: 404 }),
  });

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
    /** Everything that has been taken, as it came. */
    text: () => bodies.join('\n'),
    resource: () => record(exports()[0]!.resourceSpans[0]!.resource.attributes),
    spans,
    behave(next: Behaviour) {
      behaviour = next;
    },
    /** Waits for the end of a request with this trace id, and answers the spans of the trace. */
    async trace(traceId: string): Promise<CollectedSpan[]> {
      const ofTrace = () => spans().filter((span) => span.traceId === traceId);
      await until(() => ofTrace().some(({ kind }) => kind === serverKind));
      return ofTrace();
    },
    async stop() {
      never.resolve(new Response(null, { status: 503 }));
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
