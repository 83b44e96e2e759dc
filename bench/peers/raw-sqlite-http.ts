/** Raw bun:sqlite behind the product route: what gathers while one batch is written is the next. */
import { type NewProduct, serveProducts } from './product-route.ts';
import { batchSizeMax, openSqliteLog } from './sqlite-log.ts';

type Waiting = {
  readonly product: NewProduct;
  readonly done: () => void;
  readonly fail: (error: unknown) => void;
};

const appendBatch = openSqliteLog(process.env['DATABASE']!);
let queue: Waiting[] = [];

serveProducts(
  (product) =>
    new Promise<void>((done, fail) => {
      if (queue.length === 0) setImmediate(flush);
      queue.push({ product, done, fail });
    }),
);

function flush() {
  const batch = queue.slice(0, batchSizeMax);
  queue = queue.slice(batchSizeMax);
  if (queue.length > 0) setImmediate(flush);
  try {
    appendBatch(batch.map(({ product }) => product));
    for (const { done } of batch) done();
  } catch (error) {
    for (const { fail } of batch) fail(error);
  }
}
