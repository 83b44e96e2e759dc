// The queries that are asked most often, answered from the cache where it can be.
import { productStream } from '../events/products.ts';
import { userStream } from '../events/users.ts';
import type { CachedReads, Found, Question, RowsAt } from '../kernel/cached-reads.ts';
import { categoryOf, idOf, logStart, type Position, type StreamName } from '../kernel/stream.ts';
import { productsProjection } from '../projections/products.ts';
import { usersProjection } from '../projections/users.ts';
import type { Queries } from './index.ts';
import { productFields } from './products.ts';
import type { ListRequest } from './read-db.ts';
import { userFields } from './users.ts';

type Parts = {
  readonly queries: Queries;
  readonly reads: Pick<CachedReads, 'read'>;
  /** Called right before rows are read. */
  readonly enter: () => void;
};

/** Straight from the rows, or from cached answers; what they give may have to be waited for. */
export type ReadQueries = Queries | ReturnType<typeof createCachedQueries>;

export function createCachedQueries({ queries, reads, enter }: Parts) {
  const { product, products, user } = questions(queries, enter);
  return {
    ...queries,
    products: {
      ...queries.products,
      byId: (id: string) => reads.read(product(id)),
      list: async (asked: ListRequest) => (await reads.read(products(asked))) ?? nothing,
    },
    users: { ...queries.users, byId: (id: string) => reads.read(user(id)) },
  };
}

/** The question whose answer an event of a stream has changed, if it is one of those whose answers are cached. */
export function createQuestionOf({ queries, enter }: Omit<Parts, 'reads'>) {
  const { product, user } = questions(queries, enter);
  const kinds: Readonly<Record<string, (id: string) => Question<unknown>>> = {
    [categoryOf(productStream(''))]: product,
    [categoryOf(userStream(''))]: user,
  };
  return (stream: StreamName) => kinds[categoryOf(stream)]?.(idOf(stream));
}

const nothing = { data: [], total: 0 };
const unstarted: RowsAt = { position: logStart, build: '' };

function questions({ products, users, checkpoints }: Queries, enter: () => void) {
  const product = shapeOf(productFields);
  const user = shapeOf(userFields);
  const listed = categoryOf(productStream(''));
  const productRows = async () => rowsAt(await checkpoints.of(productsProjection.name));
  return {
    product: (id: string) => ({
      projection: productsProjection.name,
      name: `${product}:${id}`,
      subject: productStream(id),
      async ask() {
        enter();
        return found(await products.byIdAt(id));
      },
    }),

    products: (asked: ListRequest) => ({
      projection: productsProjection.name,
      name: `${product}:${asked.page}:${asked.limit}:${searchKey(asked)}`,
      subject: listed,
      async ask() {
        enter();
        const before = await productRows();
        const value = await products.list(asked);
        return { value, before, after: await productRows() };
      },
    }),

    user: (id: string) => ({
      projection: usersProjection.name,
      name: `${user}:${id}`,
      subject: userStream(id),
      person: id,
      async ask() {
        enter();
        return found(await users.byIdAt(id));
      },
    }),
  };
}

type AtCheckpoint = { readonly position: number; readonly build: string | null };

const rowsAt = (at: AtCheckpoint | undefined): RowsAt =>
  at ? { position: at.position as Position, build: at.build ?? '' } : unstarted;

/** What is searched for may name somebody, and names of answers are not sealed. */
function searchKey({ search }: ListRequest): string {
  return search && new Bun.CryptoHasher('sha256').update(search).digest('base64url');
}

function found<Row>(at: (AtCheckpoint & { readonly row: Row | null }) | undefined): Found<Row> {
  const rows = rowsAt(at);
  return { value: at?.row ?? undefined, before: rows, after: rows };
}

/** Another one when the columns are others, so that no release takes the answers of another for its own. */
function shapeOf(fields: readonly string[]): string {
  return Bun.hash(fields.join()).toString(36);
}
