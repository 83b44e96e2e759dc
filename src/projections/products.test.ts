import { describe, expect, test } from 'bun:test';
import { productStream, type ProductEvent } from '../events/products.ts';
import { rowsAfter } from '../testing/projection-spec.ts';
import { products, productsProjection } from './products.ts';

const day = (number: number) => `2026-01-0${number}T00:00:00.000Z`;

const created: ProductEvent = {
  type: 'ProductCreated',
  data: { name: 'Große Tasse', sku: 'CUP-É', priceCents: 900, createdBy: 'ada' },
};

/** What happens to one product, an event a day. */
const rows = (...events: readonly ProductEvent[]) =>
  rowsAfter(
    productsProjection,
    products,
    events.map((event, index) => ({ stream: productStream('p1'), event, time: day(index + 1) })),
  );

describe('a product among the rows', () => {
  test('is what it was created as', async () => {
    expect(await rows(created)).toEqual([
      {
        id: 'p1',
        name: 'Große Tasse',
        sku: 'CUP-É',
        price_cents: 900,
        created_by: 'ada',
        image_key: null,
        image_type: null,
        image_width: null,
        image_height: null,
        image_bytes: null,
        search_name: 'große tasse',
        search_sku: 'cup-é',
        version: 1,
        position: 1,
        created_at: day(1),
        updated_at: day(1),
      },
    ]);
  });

  test('has its new name once it is renamed, and is found by it', async () => {
    const data = { name: 'Kleine TASSE', previousName: 'Große Tasse' };
    expect(await rows(created, { type: 'ProductRenamed', data })).toEqual([
      expect.objectContaining({
        name: 'Kleine TASSE',
        search_name: 'kleine tasse',
        search_sku: 'cup-é',
        price_cents: 900,
        version: 2,
        position: 1,
        created_at: day(1),
        updated_at: day(2),
      }),
    ]);
  });

  test('has its new price once it is repriced', async () => {
    const data = { priceCents: 0, previousCents: 900 };
    expect(await rows(created, { type: 'ProductRepriced', data })).toEqual([
      expect.objectContaining({
        name: 'Große Tasse',
        price_cents: 0,
        version: 2,
        position: 1,
        created_at: day(1),
        updated_at: day(2),
      }),
    ]);
  });

  const attached: ProductEvent = {
    type: 'ProductImageAttached',
    data: { key: 'abc', contentType: 'image/png', width: 3, height: 2, bytes: 70 },
  };

  test('has an image once one is attached', async () => {
    expect(await rows(created, attached)).toEqual([
      expect.objectContaining({
        image_key: 'abc',
        image_type: 'image/png',
        image_width: 3,
        image_height: 2,
        image_bytes: 70,
        version: 2,
        position: 1,
        updated_at: day(2),
      }),
    ]);
  });

  test('has none once it is detached', async () => {
    const detached: ProductEvent = { type: 'ProductImageDetached', data: { key: 'abc' } };
    expect(await rows(created, attached, detached)).toEqual([
      expect.objectContaining({
        image_key: null,
        image_type: null,
        image_width: null,
        image_height: null,
        image_bytes: null,
        version: 3,
        updated_at: day(3),
      }),
    ]);
  });

  test('is gone once it is deleted', async () => {
    const data = { name: 'Große Tasse', createdBy: 'ada' };
    expect(await rows(created, { type: 'ProductDeleted', data })).toEqual([]);
  });

  test('is searched for alike in every Unicode spelling', async () => {
    const data = { ...created.data, name: 'Cafe\u0301' } as typeof created.data;
    const [row] = await rows({ type: 'ProductCreated', data } as ProductEvent);
    expect(row).toMatchObject({ name: 'Cafe\u0301', search_name: 'caf\u00e9' });
  });

  test('leaves other products alone', async () => {
    const happenings = [
      { stream: productStream('p1'), event: created },
      { stream: productStream('p2'), event: created },
      {
        stream: productStream('p1'),
        event: { type: 'ProductRepriced', data: { priceCents: 5, previousCents: 900 } } as const,
      },
    ];
    expect(await rowsAfter(productsProjection, products, happenings)).toMatchObject([
      { id: 'p1', price_cents: 5, position: 1 },
      { id: 'p2', price_cents: 900, position: 2 },
    ]);
  });
});
