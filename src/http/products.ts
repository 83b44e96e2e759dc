import { type Static, Type } from '@sinclair/typebox';
import { Elysia, t } from 'elysia';
import { product, type ProductRejection } from '../commands/products.ts';
import { type ProductEvent, productStream } from '../events/products.ts';
import { accepted, contextOf, type Edge, ifVersion, stale, tag } from './edge.ts';
import { PageOf, pageOf, PageQuery, toPage } from './paging.ts';
import { problem, problems, type Set } from './problem.ts';
import {
  answer,
  Id,
  Name,
  PathId,
  Position,
  PositionOrTime,
  Price,
  Sku,
  strict,
  Time,
  Version,
} from './schemas.ts';
import { type ImageAddress, imageView, known, productView, ProductView } from './views.ts';

export const refusals = {
  'product-unknown': [404, 'NOT_FOUND', 'There is no such product.'],
  'product-exists': [409, 'CONFLICT', 'This product exists already.'],
  'product-not-yours': [403, 'FORBIDDEN', 'Only its creator, moderators and admins may change it.'],
  'product-without-image': [404, 'NOT_FOUND', 'This product has no image.'],
  'sku-taken': [409, 'SKU_TAKEN', 'Another product has this SKU.'],
} as const satisfies Record<ProductRejection, readonly [number, string, string]>;

const NewProduct = strict({ name: Name, price: Price, sku: Sku });
const ProductPatch = Type.Object(
  { name: Type.Optional(Name), price: Type.Optional(Price) },
  { additionalProperties: false, minProperties: 1 },
);
export const ProductId = t.Object({ id: PathId });
const AsOf = t.Object({ asOf: t.Optional(PositionOrTime) });
const HistoryEntry = strict({
  position: Position,
  version: Version,
  type: Type.String({ examples: ['ProductRepriced'] }),
  time: Time,
  actorId: Id,
  data: Type.Record(Type.String(), Type.Unknown()),
});
type HistoryEntry = Static<typeof HistoryEntry>;

const toCents = (price: number) => Math.round(price * 100);

type Row = NonNullable<Awaited<ReturnType<Edge['queries']['products']['byId']>>>;

function rowView(row: Row, addressOf: ImageAddress): ProductView {
  const { imageKey, imageType, imageWidth, imageHeight, imageBytes, priceCents, ...rest } = row;
  const image = imageKey && {
    key: imageKey,
    contentType: imageType!,
    width: imageWidth!,
    height: imageHeight!,
    bytes: imageBytes!,
  };
  return { ...rest, price: priceCents / 100, image: imageView(image || undefined, addressOf) };
}

export function productsHttp(edge: Edge) {
  return new Elysia({ name: 'http.products' }).use(productReads(edge)).use(productWrites(edge));
}

function productReads({ access, queries, freshness, store, images }: Edge) {
  const { addressOf } = images;
  return new Elysia({ prefix: '/products', tags: ['Products'] })
    .use(access)
    .get(
      '',
      async ({ query, request, user }) => {
        await freshness.read(request, user.id);
        const asked = pageOf(query);
        const { data, total } = await queries.products.list(asked);
        return toPage(
          data.map((row) => rowView(row, addressOf)),
          total,
          asked,
        );
      },
      {
        isAuthenticated: true,
        query: PageQuery,
        response: { 200: PageOf(ProductView), ...problems(422, 503) },
        detail: { summary: 'List products, newest first' },
      },
    )
    .get(
      '/:id',
      async ({ params, query, request, set, status, user }) => {
        await freshness.read(request, user.id);
        if (query.asOf !== undefined) {
          const past = await productAsOf({ store, images }, params.id, query.asOf);
          return past ?? status(404, unknown(set));
        }
        const row = await queries.products.byId(params.id);
        if (!row) return status(404, unknown(set));
        tag(set, row.version);
        return rowView(row, addressOf);
      },
      {
        isAuthenticated: true,
        params: ProductId,
        query: AsOf,
        response: { 200: ProductView, ...problems(404, 422, 503) },
        detail: { summary: 'One product, as it is or as it was' },
      },
    )
    .get(
      '/:id/history',
      async ({ params, request, set, status, user }) => {
        await freshness.read(request, user.id);
        const entries: HistoryEntry[] = [];
        for await (const event of store.readStream(productStream(params.id))) {
          const { position, version, type, time, meta, data } = event;
          entries.push({
            position,
            version,
            type,
            time,
            actorId: meta.actorId,
            data: data as HistoryEntry['data'],
          });
        }
        return entries.length > 0 ? { data: entries } : status(404, unknown(set));
      },
      {
        isAuthenticated: true,
        params: ProductId,
        response: { 200: answer({ data: Type.Array(HistoryEntry) }), ...problems(404, 422, 503) },
        detail: { summary: "A product's events, oldest first" },
      },
    );
}

function productWrites(edge: Edge) {
  const { access, commands, limits, once, newId, images } = edge;
  const { addressOf } = images;
  return new Elysia({ prefix: '/products', tags: ['Products'] })
    .use(access)
    .use(limits.commands)
    .post(
      '',
      async ({ body, request, set, status, user }) =>
        once(
          { request, set, body, callerId: user.id },
          () => user.id,
          async (repeatable) => {
            const command = {
              type: 'CreateProduct',
              name: body.name.trim(),
              sku: body.sku.trim(),
              priceCents: toCents(body.price),
              by: user,
            } as const;
            const context = { ...contextOf(set, user.id, repeatable), isNew: true };
            const outcome = await commands.products(newId(), command, context);
            if (!outcome.ok) {
              return outcome.rejection === 'sku-taken'
                ? status(409, refuse(set, outcome.rejection))
                : status(409, problem(set, 'CONFLICT', 'This product exists already.'));
            }
            accepted(edge, set, { ...outcome, actorId: user.id });
            tag(set, outcome.version);
            set.headers['location'] = `/products/${outcome.id}`;
            return status(201, productView(outcome.id, known(outcome), addressOf));
          },
        ),
      {
        isAuthenticated: true,
        body: NewProduct,
        response: { 201: ProductView, ...problems(409, 422, 429, 503) },
        detail: { summary: 'Create a product' },
      },
    )
    .patch(
      '/:id',
      async ({ params, body, request, set, status, user }) => {
        const command = {
          type: 'ReviseProduct',
          name: body.name?.trim(),
          priceCents: body.price === undefined ? undefined : toCents(body.price),
          by: user,
        } as const;
        const context = { ...contextOf(set, user.id), ifVersion: ifVersion(request) };
        const outcome = await commands.products(params.id, command, context);
        if (!outcome.ok) {
          if (outcome.rejection === 'stale') return status(412, stale(set));
          return status(refusals[outcome.rejection][0], refuse(set, outcome.rejection));
        }
        accepted(edge, set, { ...outcome, actorId: user.id });
        tag(set, outcome.version);
        return productView(outcome.id, known(outcome), addressOf);
      },
      {
        isAuthenticated: true,
        params: ProductId,
        body: ProductPatch,
        response: { 200: ProductView, ...problems(403, 404, 409, 412, 422, 429, 503) },
        detail: { summary: 'Rename or reprice a product' },
      },
    )
    .delete(
      '/:id',
      async ({ params, request, set, status, user }) => {
        const context = { ...contextOf(set, user.id), ifVersion: ifVersion(request) };
        const outcome = await commands.products(
          params.id,
          { type: 'DeleteProduct', by: user },
          context,
        );
        if (!outcome.ok) {
          if (outcome.rejection === 'stale') return status(412, stale(set));
          return status(refusals[outcome.rejection][0], refuse(set, outcome.rejection));
        }
        accepted(edge, set, { ...outcome, actorId: user.id });
        return status(204, undefined);
      },
      {
        isAuthenticated: true,
        params: ProductId,
        response: { 204: Type.Void(), ...problems(403, 404, 409, 412, 422, 429, 503) },
        detail: { summary: 'Delete a product' },
      },
    );
}

export function refuse(set: Set, rejection: ProductRejection) {
  const [, code, message] = refusals[rejection];
  return problem(set, code, message);
}

const unknown = (set: Set) => refuse(set, 'product-unknown');

/** The product folded up to a position or a time; undefined if it did not exist then. */
async function productAsOf(
  { store, images }: Pick<Edge, 'store' | 'images'>,
  id: string,
  asOf: string,
) {
  const isPosition = /^\d+$/.test(asOf);
  const time = isPosition ? '' : new Date(asOf).toISOString();
  let folded = {
    state: product.initialState,
    version: 0,
    position: 0,
    createdAt: '',
    updatedAt: '',
  };
  for await (const event of store.readStream(productStream(id))) {
    if (isPosition ? event.position > Number(asOf) : event.time > time) break;
    folded = {
      state: product.evolve(folded.state, event as unknown as ProductEvent),
      version: event.version,
      position: event.position,
      createdAt: folded.createdAt || event.time,
      updatedAt: event.time,
    };
  }
  const { state } = folded;
  if (state.status !== 'listed') return undefined;
  return productView(id, { ...folded, state } as never, images.addressOf);
}
