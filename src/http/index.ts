import { cors } from '@elysiajs/cors';
import { Elysia } from 'elysia';
import type { Logger } from 'pino';
import { adminHttp, type ProjectionControl } from './admin.ts';
import { authHttp } from './auth.ts';
import { jsonBodies } from './bodies.ts';
import { chatHttp } from './chat.ts';
import { chatSocketHttp, socketLimits } from './chat-socket.ts';
import { docsHttp } from './docs.ts';
import type { Edge } from './edge.ts';
import { erasureHttp } from './erasure.ts';
import { eventsHttp } from './events.ts';
import { errorHandling, methodsOf } from './errors.ts';
import { protectiveHeaders } from './headers.ts';
import { type Check, healthHttp } from './health.ts';
import { imagesHttp } from './images.ts';
import type { JobControl } from './jobs.ts';
import { type Metrics, metricsHttp } from './metrics.ts';
import { notificationsHttp } from './notifications.ts';
import { productImagesHttp } from './product-images.ts';
import { productsHttp } from './products.ts';
import { profileHttp } from './profile.ts';
import { refreshCookie } from './refresh-cookie.ts';
import { type CountRequest, requestLog } from './requests.ts';
import { sessionsHttp } from './sessions.ts';

export type HttpParts = {
  readonly edge: Edge;
  readonly projections: ProjectionControl;
  readonly jobs: JobControl;
  readonly checks: () => Promise<Check[]>;
  readonly metrics: Metrics & { readonly token: string | undefined };
  readonly countRequest: CountRequest;
  readonly logger: Logger;
  readonly corsOrigins: readonly string[];
  readonly version: string;
};

/** The type of the whole API, for the typed client. */
export type App = ReturnType<typeof createApi>;

/** Mounts every feature; one line each. */
function createApi({ edge, projections, jobs, checks, metrics }: HttpParts) {
  return new Elysia({ name: 'http.api', normalize: false })
    .use(healthHttp(checks))
    .use(metricsHttp(metrics, metrics.token))
    .use(authHttp(edge))
    .use(profileHttp(edge))
    .use(sessionsHttp(edge))
    .use(productsHttp(edge))
    .use(productImagesHttp(edge))
    .use(imagesHttp(edge.images))
    .use(chatHttp(edge))
    .use(chatSocketHttp(edge))
    .use(eventsHttp(edge))
    .use(notificationsHttp(edge))
    .use(adminHttp(edge, projections, jobs))
    .use(erasureHttp(edge));
}

export function createHttp(parts: HttpParts) {
  const { edge, logger, countRequest, corsOrigins } = parts;
  const app = new Elysia({
    name: 'http',
    normalize: false,
    serve: { reusePort: false, maxRequestBodySize: Number.MAX_SAFE_INTEGER },
    websocket: socketLimits,
  });
  const api = createApi(parts);
  const docs = docsHttp(api, parts.version, refreshCookie(edge).name);
  let methodsAt: ((path: string) => readonly string[]) | undefined;
  return app
    .headers(protectiveHeaders(edge.isProduction))
    .use(requestLog({ ...edge, logger, count: countRequest }))
    .use(errorHandling(logger, (path) => (methodsAt ??= methodsOf(app))(path)))
    .use(corsFor(corsOrigins))
    .use(jsonBodies)
    .use(api)
    .use(docs);
}

const exposed = [
  'ETag',
  'Event-Position',
  'Idempotent-Replay',
  'Location',
  'Retry-After',
  'X-Request-Id',
];

function corsFor(origins: readonly string[]) {
  const plugin = new Elysia({ name: 'cors' });
  if (origins.length === 0) return plugin;
  const origin = origins.includes('*')
    ? true
    : (request: Request) => origins.includes(request.headers.get('origin') ?? '');
  return plugin.use(cors({ origin, credentials: !origins.includes('*'), exposeHeaders: exposed }));
}
