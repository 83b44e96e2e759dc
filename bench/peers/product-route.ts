/** The same route in front of every peer store: parse, validate, append one event, answer 201. */
import { Elysia, t } from 'elysia';

export type NewProduct = {
  readonly id: string;
  readonly sku: string;
  readonly name: string;
  readonly priceCents: number;
};

export function serveProducts(append: (product: NewProduct) => Promise<unknown>) {
  const body = t.Object({
    name: t.String({ minLength: 1, maxLength: 200 }),
    price: t.Number({ minimum: 0, maximum: 10_000_000 }),
    sku: t.String({ minLength: 1, maxLength: 64 }),
  });
  return new Elysia()
    .get('/ready', () => 'ready')
    .post(
      '/products',
      async ({ body: { name, price, sku }, set }) => {
        const id = Bun.randomUUIDv7();
        await append({ id, sku, name, priceCents: Math.round(price * 100) });
        set.status = 201;
        return { id, sku, name, price };
      },
      { body },
    )
    .listen({ hostname: '127.0.0.1', port: Number(process.env['PORT']) });
}
