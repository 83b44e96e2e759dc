// The reference page and the documents behind it. @elysiajs/swagger makes the page; the document of
// the routes comes from @elysiajs/openapi, that of the streams from the registry of events. All are
// served without asking anything of the network.
import { toOpenAPISchema } from '@elysiajs/openapi';
import { swagger } from '@elysiajs/swagger';
import { type AnyElysia, Elysia } from 'elysia';
import uiScript from 'swagger-ui-dist/swagger-ui-bundle.js' with { type: 'file' };
import uiStyle from 'swagger-ui-dist/swagger-ui.css' with { type: 'file' };
import { registry } from '../events/index.ts';
import { asyncApiDocument } from './asyncapi.ts';
import { pagePolicy } from './headers.ts';
import { tidyDocument } from './openapi.ts';

const hidden = { detail: { hide: true } };

/**
 * @param api The routes to document.
 * @param cookie The name of the refresh cookie.
 */
export function docsHttp(api: AnyElysia, version: string, cookie: string) {
  // At once, because the parsers that a parent adds would hide what the bodies are.
  const document = tidyDocument(toOpenAPISchema(api), version, cookie);
  const streams = asyncApiDocument(registry, version);
  let page: Promise<{ readonly html: string; readonly policy: string }> | undefined;
  return new Elysia({ name: 'http.docs' })
    .get('/docs/json', () => document, hidden)
    .get('/docs/asyncapi.json', () => streams, hidden)
    .get(
      '/docs',
      async ({ set }) => {
        const { html, policy } = await (page ??= renderPage(version));
        set.headers['content-type'] = 'text/html; charset=utf-8';
        set.headers['content-security-policy'] = policy;
        return html;
      },
      hidden,
    )
    .get('/docs/ui.js', () => new Response(Bun.file(uiScript)), hidden)
    .get('/docs/ui.css', () => new Response(Bun.file(uiStyle)), hidden);
}

/** The plugin's page, with its script taken from here instead of a CDN. */
async function renderPage(version: string) {
  const plugin = new Elysia().use(
    swagger({
      path: '/docs',
      provider: 'swagger-ui',
      documentation: { info: { title: 'Refold', description: 'Refold API reference', version } },
      theme: '/docs/ui.css',
      swaggerOptions: { url: '/docs/json' } as never,
    }),
  );
  const html = await (await plugin.handle(new Request('http://localhost/docs'))).text();
  const local = new HTMLRewriter()
    .on('script[src]', { element: (script) => void script.setAttribute('src', '/docs/ui.js') })
    .transform(html);
  return { html: local, policy: pagePolicy(local) };
}
