import { Type } from '@sinclair/typebox';
import { Elysia, t } from 'elysia';
import { product, type ProductCommand } from '../commands/products.ts';
import { accepted, contextOf, type Edge, ifVersion, stale, tag } from './edge.ts';
import { imageTypes, readImage } from './image-body.ts';
import { problems, type Set } from './problem.ts';
import { ProductId, refusals, refuse } from './products.ts';
import { createUploads } from './uploads.ts';
import { known, productView, ProductView } from './views.ts';

type Asking = { readonly id: string; readonly request: Request; readonly set: Set };

const binary = { schema: { type: 'string', format: 'binary' } } as const;
const requestBody = {
  required: true,
  description: 'The image itself: at most 5 MiB, 8,000 pixels a side and 40 megapixels in all.',
  content: Object.fromEntries(imageTypes.map((type) => [type, binary])),
};

export function productImagesHttp(edge: Edge) {
  const { access, commands, freshness, images, limits, queries } = edge;
  const receive = createUploads();

  async function send({ id, request, set }: Asking, command: ProductCommand) {
    const context = { ...contextOf(set, command.by.id), ifVersion: ifVersion(request) };
    const outcome = await commands.products(id, command, context);
    if (!outcome.ok) return outcome;
    accepted(edge, set, { ...outcome, actorId: command.by.id });
    tag(set, outcome.version);
    return { ok: true, view: productView(id, known(outcome), images.addressOf) } as const;
  }

  /** Nothing is stored for a command that would be refused. */
  async function refusalOf(id: string, command: ProductCommand) {
    const decision = product.decide(command, (await commands.products.load(id)).state);
    return decision.ok ? undefined : decision.rejection;
  }

  const reads = new Elysia({ prefix: '/products', tags: ['Products'] }).use(access).get(
    '/:id/image',
    async ({ params, request, set, status, user }) => {
      await freshness.read(request, user.id);
      const row = await queries.products.byId(params.id);
      if (!row?.imageKey) {
        return status(404, refuse(set, row ? 'product-without-image' : 'product-unknown'));
      }
      const image = { key: row.imageKey, contentType: row.imageType! };
      set.headers['location'] = images.addressOf(image);
      set.headers['cache-control'] = 'private, no-cache';
      return status(302, '');
    },
    {
      isAuthenticated: true,
      params: ProductId,
      response: { 302: t.NoValidate(Type.Literal('')), ...problems(404, 422, 503) },
      detail: { summary: 'To the image of a product' },
    },
  );

  const writes = new Elysia({ prefix: '/products', tags: ['Products'] })
    .use(access)
    .use(limits.commands)
    .put(
      '/:id/image',
      async ({ params: { id }, request, set, status, user }) => {
        const { image, content } = await receive(user.id, () => readImage(request));
        const command = { type: 'AttachImage', image, by: user } as const;
        const refusal = await refusalOf(id, command);
        if (refusal) return status(refusals[refusal][0], refuse(set, refusal));
        await images.put(image.key, content, image.contentType);
        const outcome = await send({ id, request, set }, command);
        if (outcome.ok) return outcome.view;
        if (outcome.rejection === 'stale') return status(412, stale(set));
        return status(refusals[outcome.rejection][0], refuse(set, outcome.rejection));
      },
      {
        isAuthenticated: true,
        params: ProductId,
        response: { 200: ProductView, ...problems(403, 404, 409, 412, 413, 415, 422, 429, 503) },
        detail: { summary: 'Give a product its image, or another', requestBody },
      },
    )
    .delete(
      '/:id/image',
      async ({ params: { id }, request, set, status, user }) => {
        const outcome = await send({ id, request, set }, { type: 'DetachImage', by: user });
        if (outcome.ok) return status(204, undefined);
        if (outcome.rejection === 'stale') return status(412, stale(set));
        return status(refusals[outcome.rejection][0], refuse(set, outcome.rejection));
      },
      {
        isAuthenticated: true,
        params: ProductId,
        response: { 204: Type.Void(), ...problems(403, 404, 409, 412, 422, 429, 503) },
        detail: { summary: 'Remove the image of a product' },
      },
    );

  return new Elysia({ name: 'http.product-images' }).use(reads).use(writes);
}
