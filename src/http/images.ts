// Images as they are fetched: by a path that admits whoever has it, because a page's images cannot send a token.
import { Type } from '@sinclair/typebox';
import { Elysia, t } from 'elysia';
import type { SignedPaths } from '../auth/signed-paths.ts';
import { type Blobs, isBlobKey } from '../kernel/blobs.ts';
import { nothing } from './headers.ts';
import { EdgeRefusal, problems } from './problem.ts';
import type { ImageAddress } from './views.ts';

const extensions: Readonly<Record<string, string>> = {
  'image/png': 'png',
  'image/jpeg': 'jpg',
  'image/webp': 'webp',
};
const typesByExtension = new Map(
  Object.entries(extensions).map(([type, extension]) => [extension, type]),
);

export type Images = ReturnType<typeof createImages>;

export function createImages(blobs: Blobs, { sign, admits }: SignedPaths) {
  const addressOf: ImageAddress = ({ key, contentType }) =>
    sign(`/images/${key}.${extensions[contentType]}`);
  return { addressOf, admits, put: blobs.put, open: blobs.open };
}

const Proof = t.Object({ until: t.Integer({ minimum: 0 }), proof: t.String({ maxLength: 64 }) });

export function imagesHttp(images: Images) {
  return new Elysia({ name: 'http.images', tags: ['Products'] }).get(
    '/images/:name',
    async ({ params, query, request, set }) => {
      const { key, contentType } = namedBy(params.name);
      if (!images.admits(`/images/${params.name}`, query.until, query.proof)) {
        throw new EdgeRefusal(403, 'FORBIDDEN', 'This address is not valid any more.');
      }
      const headers = headersOf(String(set.headers['x-request-id']), params.name, key);
      if (isKnown(request, key)) return new Response(null, { status: 304, headers });
      const found = isBlobKey(key) && contentType ? await images.open(key) : undefined;
      if (!found) throw new EdgeRefusal(404, 'NOT_FOUND', 'There is no such image any more.');
      const described = { 'content-type': contentType!, 'content-length': String(found.bytes) };
      return new Response(found.stream, { headers: { ...headers, ...described } });
    },
    {
      params: t.Object({ name: t.String({ maxLength: 80 }) }),
      query: Proof,
      response: {
        200: t.NoValidate(Type.String({ contentMediaType: 'image/*', format: 'binary' })),
        304: t.NoValidate(Type.Void()),
        ...problems(403, 404, 422, 503),
      },
      detail: {
        summary: 'An image, by the address that a product gives for it',
        security: [],
      },
    },
  );
}

function namedBy(name: string) {
  const [key = '', extension = ''] = name.split('.');
  return { key, contentType: typesByExtension.get(extension) };
}

/** Bytes from strangers: never to be taken for anything but an image of the type we found. */
function headersOf(requestId: string, name: string, key: string): Record<string, string> {
  return {
    'x-request-id': requestId,
    etag: `"${key}"`,
    'cache-control': 'private, max-age=31536000, immutable',
    'content-disposition': `inline; filename="${name}"`,
    'content-security-policy': `${nothing}; sandbox`,
    'x-content-type-options': 'nosniff',
  };
}

function isKnown(request: Request, key: string): boolean {
  const tags = (request.headers.get('if-none-match') ?? '').split(',').map((tag) => tag.trim());
  return tags.some((tag) => tag === '*' || tag.replace(/^W\//, '') === `"${key}"`);
}
