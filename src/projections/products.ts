import type { ProductEvent } from '../events/products.ts';
import { defineProjection } from '../kernel/projection.ts';
import { idOf } from '../kernel/stream.ts';
import { insert, patch, remove, searchable } from './changes.ts';
import { count, id, index, table, timestamp, words } from './columns.ts';

export const products = table(
  'products',
  {
    id: id('id').primaryKey(),
    name: words('name').notNull(),
    sku: words('sku').notNull(),
    priceCents: count('price_cents').notNull(),
    createdBy: id('created_by').notNull(),
    /** All five or none. */
    imageKey: id('image_key'),
    imageType: words('image_type'),
    imageWidth: count('image_width'),
    imageHeight: count('image_height'),
    imageBytes: count('image_bytes'),
    searchName: words('search_name').notNull(),
    searchSku: words('search_sku').notNull(),
    version: count('version').notNull(),
    position: count('position').notNull(),
    createdAt: timestamp('created_at').notNull(),
    updatedAt: timestamp('updated_at').notNull(),
  },
  ({ position, imageKey }) => [
    index('products_by_position').on(position),
    index('products_by_image').on(imageKey),
  ],
);

const noImage = {
  imageKey: null,
  imageType: null,
  imageWidth: null,
  imageHeight: null,
  imageBytes: null,
};

export const productsProjection = defineProjection<ProductEvent>({
  name: 'products',
  version: 1,
  tables: [products],
  on: {
    ProductCreated: ({ stream, version, position, time, data }) =>
      insert(products, {
        id: idOf(stream),
        name: data.name,
        sku: data.sku,
        priceCents: data.priceCents,
        createdBy: data.createdBy,
        searchName: searchable(data.name),
        searchSku: searchable(data.sku),
        version,
        position,
        createdAt: time,
        updatedAt: time,
      }),

    ProductRenamed: ({ stream, version, time, data: { name } }) => {
      const values = { name, searchName: searchable(name), version, updatedAt: time };
      return patch(products, { id: idOf(stream) }, values);
    },

    ProductRepriced: ({ stream, version, time, data: { priceCents } }) =>
      patch(products, { id: idOf(stream) }, { priceCents, version, updatedAt: time }),

    ProductImageAttached: ({ stream, version, time, data }) => {
      const image = {
        imageKey: data.key,
        imageType: data.contentType,
        imageWidth: data.width,
        imageHeight: data.height,
        imageBytes: data.bytes,
      };
      return patch(products, { id: idOf(stream) }, { ...image, version, updatedAt: time });
    },

    ProductImageDetached: ({ stream, version, time }) =>
      patch(products, { id: idOf(stream) }, { ...noImage, version, updatedAt: time }),

    ProductDeleted: ({ stream }) => remove(products, { id: idOf(stream) }),
  },
});
