// Completes the generated document with what only the edge knows: security, servers, tags, and the
// refusals that every route shares.
type Operation = {
  operationId?: string;
  tags?: string[];
  summary?: string;
  requestBody?: { content: Record<string, unknown>; required?: boolean };
  parameters?: {
    name: string;
    in: string;
    schema: Json;
    required?: boolean;
    description?: string;
  }[];
  responses: Record<
    string,
    { description?: string; content?: Record<string, { schema?: unknown }>; headers?: unknown }
  >;
};
type Json = Record<string, unknown>;
type Paths = Record<string, Record<string, Operation>>;

const descriptions: Record<string, string> = {
  200: 'Done.',
  201: 'Created.',
  202: 'Begun.',
  204: 'Done; there is no body.',
  302: 'At the address in Location.',
  304: 'The client has it already.',
  400: 'BAD_REQUEST: the body is not JSON.',
  401: 'UNAUTHORIZED: sign in first.',
  403: 'FORBIDDEN: not allowed for this caller.',
  404: 'NOT_FOUND: there is no such thing.',
  409: 'CONFLICT, or the narrower code of a refusal such as SKU_TAKEN, EMAIL_TAKEN, LAST_ADMIN, REBUILD_RUNNING.',
  412: 'PRECONDITION_FAILED: it has changed since it was read.',
  413: 'PAYLOAD_TOO_LARGE: more than 1 MiB, or 5 MiB for an image.',
  415: 'UNSUPPORTED_MEDIA_TYPE: none of the types that this route takes.',
  422: 'VALIDATION_ERROR, with the places and what they must be; or IDEMPOTENCY_KEY_REUSED.',
  429: 'RATE_LIMITED: try again after the time in Retry-After.',
  500: 'INTERNAL: a defect; the request id finds it in the log.',
  503: 'UNAVAILABLE: try again after the time in Retry-After.',
};

const problemReference = { $ref: '#/components/schemas/Problem' };
const tags = {
  Accounts: 'Registering, signing in and out.',
  Profile: 'The caller’s own account.',
  Products: 'Products, their history and their past.',
  Chat: 'Rooms and messages.',
  Events: 'What has happened, a page at a time or live.',
  Notifications: 'What concerns the caller: mentions, and what others did to what is theirs.',
  Administration: 'Users, roles, read models and jobs; admins only.',
  Operations: 'For load balancers and operators.',
};

export function tidyDocument(
  generated: { paths: object; components: object },
  version: string,
  refreshCookie: string,
): object {
  const paths = Object.fromEntries(
    Object.entries(generated.paths as Paths).map(([path, methods]) => [
      path,
      Object.fromEntries(
        Object.entries(methods).map(([method, operation]) => [
          method,
          tidy(path, method, operation),
        ]),
      ),
    ]),
  );
  return withoutOurWords({
    openapi: '3.1.0',
    info: {
      title: 'Refold',
      version,
      description:
        'An event-sourced backend: accounts, products and chat. Every accepted command answers with `Event-Position`; a query with `Read-After` sees at least that position. What the streams and the chat over WebSocket carry is in the [AsyncAPI document](/docs/asyncapi.json).',
      license: { name: 'MIT', identifier: 'MIT' },
      contact: { name: 'Refold contributors' },
    },
    servers: [{ url: '/', description: 'This server' }],
    security: [{ bearerAuth: [] }],
    tags: Object.entries(tags).map(([name, description]) => ({ name, description })),
    paths,
    components: {
      schemas: { Problem: problemSchema },
      securitySchemes: {
        bearerAuth: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
        refreshCookie: { type: 'apiKey', in: 'cookie', name: refreshCookie },
      },
    },
  });
}

const problemSchema = {
  type: 'object',
  required: ['success', 'code', 'message', 'requestId'],
  properties: {
    success: { type: 'boolean', const: false },
    code: { type: 'string' },
    message: { type: 'string' },
    requestId: { type: 'string' },
    details: {
      type: 'array',
      items: {
        type: 'object',
        required: ['path', 'message'],
        properties: { path: { type: 'string' }, message: { type: 'string' } },
      },
    },
  },
  example: {
    success: false,
    code: 'NOT_FOUND',
    message: 'There is no such product.',
    requestId: '019aa0c4-7a3e-7000-8000-5b2f3d1c9e10',
  },
};

function tidy(path: string, method: string, operation: Operation): Operation {
  const isJson = operation.requestBody?.content['application/json'] !== undefined;
  const shared = path === '/health' ? [] : isJson ? ['400', '413', '415', '500'] : ['500'];
  const statuses = [...new Set([...Object.keys(operation.responses), ...shared])].toSorted();
  return {
    ...operation,
    operationId: nameOf(path, method),
    parameters: [
      ...(operation.parameters ?? []).filter((one) => one.in !== 'cookie').map(withPlainNumbers),
      ...requestHeaders(path, method, operation),
    ],
    ...(operation.requestBody && {
      requestBody: isJson ? onlyJson(operation.requestBody) : operation.requestBody,
    }),
    responses: Object.fromEntries(
      statuses.map((status) => [
        status,
        {
          ...response(path, status, operation.responses[status]),
          headers: responseHeaders(path, method, status),
        },
      ]),
    ),
  };
}

const isStream = (path: string) => path.endsWith('/stream');

const text = { type: 'string' };
const position = { type: 'integer', minimum: 0 };

/** Commands that neither create nor begin anything. */
const otherRepeatable = new Set(['/profile/password', '/notifications/{id}/read']);

/** The headers that mean something to a route, told by what it can answer. */
function requestHeaders(path: string, method: string, { responses }: Operation) {
  const isRead =
    method === 'get' &&
    '503' in responses &&
    !['/ready', '/admin/projections', '/admin/jobs'].includes(path) &&
    !isStream(path);
  const isCommand =
    method === 'post' && ('201' in responses || '202' in responses || otherRepeatable.has(path));
  const header = (name: string, schema: Json, description: string) => ({
    name,
    in: 'header',
    required: false,
    schema,
    description,
  });
  return [
    ...('412' in responses
      ? [header('If-Match', text, 'The ETag that was read; a stale one is refused with 412.')]
      : []),
    ...(isCommand
      ? [
          header(
            'Idempotency-Key',
            text,
            'Repeating a request with the same key repeats only its answer, for 24 hours.',
          ),
        ]
      : []),
    ...(isRead
      ? [
          header(
            'Read-After',
            position,
            'Answered only by a read model that has applied this position.',
          ),
        ]
      : []),
  ];
}

const sessionPaths = new Set([
  '/auth/login',
  '/auth/refresh',
  '/auth/logout',
  '/auth/ticket',
  '/profile/sessions/{id}',
  '/admin/projections/{name}/rebuild',
  '/admin/jobs/{id}/retry',
]);

function responseHeaders(path: string, method: string, status: string) {
  const isSuccess = status.startsWith('2');
  const isCommand = isSuccess && method !== 'get' && !sessionPaths.has(path);
  const isResource =
    isSuccess && status !== '204' && (isCommand || /^\/(?:profile|products\/\{id\})$/.test(path));
  return {
    'X-Request-Id': {
      schema: text,
      description: 'Names this request in the log and in its events.',
    },
    ...(isCommand && {
      'Event-Position': {
        schema: position,
        description: 'The position of the last event of the command.',
      },
    }),
    ...(isResource && {
      ETag: { schema: text, description: 'The version of the resource, in quotes.' },
    }),
    ...(['429', '503'].includes(status) && {
      'Retry-After': { schema: { type: 'integer', minimum: 0 }, description: 'Seconds.' },
    }),
  };
}

function response(path: string, status: string, given: Operation['responses'][string] | undefined) {
  const description = descriptions[status] ?? 'See the schema.';
  if (['204', '302', '304'].includes(status)) return { description };
  const isProblem = Number(status) >= 400 && !(path === '/ready' && status === '503');
  if (isProblem)
    return { description, content: { 'application/json': { schema: problemReference } } };
  const content = given?.content ?? {};
  const { schema } = content['application/json'] ?? content['text/plain'] ?? {};
  const { contentMediaType = 'application/json' } = (schema ?? {}) as { contentMediaType?: string };
  return { description, content: { [contentMediaType]: { schema } } };
}

function onlyJson(body: NonNullable<Operation['requestBody']>) {
  return { required: true, content: { 'application/json': body.content['application/json'] } };
}

/** Query numbers arrive as text and are declared as "text or number": the number is what is meant. */
function withPlainNumbers<Parameter extends { schema: Json }>(parameter: Parameter): Parameter {
  const { anyOf, ...rest } = parameter.schema;
  if (!Array.isArray(anyOf)) return parameter;
  const number = (anyOf as Json[]).find(({ type }) => type === 'integer' || type === 'number');
  return number ? { ...parameter, schema: { ...rest, ...number } } : parameter;
}

/** `PATCH /products/{id}` is `patchProductsById`. */
function nameOf(path: string, method: string): string {
  const words = path
    .split('/')
    .filter(Boolean)
    .map((part) => {
      const parameter = /^\{(.+)\}$/.exec(part)?.[1];
      return parameter ? `By${capital(parameter)}` : capital(part);
    });
  return method + words.join('');
}

const capital = (word: string) => word.charAt(0).toUpperCase() + word.slice(1);

/** What our schemas say for the sake of our error texts is no JSON Schema. */
export function withoutOurWords(document: object): object {
  const text = JSON.stringify(document, (key, value: unknown) => {
    const isText = typeof value === 'string' && (key === 'mustBe' || key === 'place');
    const isFlag = value === true && key === 'noValidate';
    return isText || isFlag ? undefined : value;
  });
  return JSON.parse(text) as object;
}
