import type { ProductEvent, ProductImage } from '../events/products.ts';
import { accept, type Decider, type Decision, reject } from '../kernel/decider.ts';
import { type Caller, mayChange } from './caller.ts';

type CreateProduct = {
  type: 'CreateProduct';
  name: string;
  sku: string;
  priceCents: number;
  by: Caller;
};
type ReviseProduct = {
  type: 'ReviseProduct';
  name?: string | undefined;
  priceCents?: number | undefined;
  by: Caller;
};
type AttachImage = { type: 'AttachImage'; image: ProductImage; by: Caller };
type DetachImage = { type: 'DetachImage'; by: Caller };
type DeleteProduct = { type: 'DeleteProduct'; by: Caller };

export type ProductCommand = Readonly<
  CreateProduct | ReviseProduct | AttachImage | DetachImage | DeleteProduct
>;

export type ProductRejection =
  | 'product-unknown'
  | 'product-exists'
  | 'product-not-yours'
  | 'product-without-image'
  | 'sku-taken';

export type Product =
  | { readonly status: 'unknown' }
  | { readonly status: 'deleted' }
  | {
      readonly status: 'listed';
      readonly name: string;
      readonly sku: string;
      readonly priceCents: number;
      readonly createdBy: string;
      readonly image?: ProductImage | undefined;
    };

type Listed = Extract<Product, { status: 'listed' }>;
type ProductDecision = Decision<ProductEvent, ProductRejection>;

export const product: Decider<Product, ProductCommand, ProductEvent, ProductRejection> = {
  initialState: { status: 'unknown' },

  evolve: (state, event) => {
    if (event.type === 'ProductCreated') return { status: 'listed', ...event.data };
    if (state.status !== 'listed') return state;
    switch (event.type) {
      case 'ProductRenamed':
        return { ...state, name: event.data.name };
      case 'ProductRepriced':
        return { ...state, priceCents: event.data.priceCents };
      case 'ProductImageAttached':
        return { ...state, image: event.data };
      case 'ProductImageDetached':
        return { ...state, image: undefined };
      case 'ProductDeleted':
        return { status: 'deleted' };
    }
  },

  decide: (command, state) => {
    if (command.type === 'CreateProduct') return create(command, state);
    if (state.status !== 'listed') return reject('product-unknown');
    if (!mayChange(command.by, state.createdBy)) return reject('product-not-yours');
    switch (command.type) {
      case 'ReviseProduct':
        return revise(command, state);
      case 'AttachImage':
        return attach(command, state);
      case 'DetachImage':
        return detach(state);
      case 'DeleteProduct':
        return retire(state);
    }
  },
};

function create({ name, sku, priceCents, by }: CreateProduct, state: Product): ProductDecision {
  if (state.status !== 'unknown') return reject('product-exists');
  const data = { name, sku, priceCents, createdBy: by.id };
  return {
    ...accept<ProductEvent>({ type: 'ProductCreated', data }),
    claims: { take: [{ ...skuClaim(sku), orElse: 'sku-taken' }] },
  };
}

function revise({ name, priceCents }: ReviseProduct, state: Listed): ProductDecision {
  const events: ProductEvent[] = [];
  if (name !== undefined && name !== state.name) {
    events.push({ type: 'ProductRenamed', data: { name, previousName: state.name } });
  }
  if (priceCents !== undefined && priceCents !== state.priceCents) {
    const data = { priceCents, previousCents: state.priceCents };
    events.push({ type: 'ProductRepriced', data });
  }
  return accept(...events);
}

/** Images with the same key are the same bytes. */
function attach({ image }: AttachImage, state: Listed): ProductDecision {
  if (image.key === state.image?.key) return accept();
  return accept<ProductEvent>({ type: 'ProductImageAttached', data: image });
}

function detach({ image }: Listed): ProductDecision {
  if (!image) return reject('product-without-image');
  return accept<ProductEvent>({ type: 'ProductImageDetached', data: { key: image.key } });
}

function retire({ name, createdBy, sku }: Listed): ProductDecision {
  return {
    ...accept<ProductEvent>({ type: 'ProductDeleted', data: { name, createdBy } }),
    claims: { release: [skuClaim(sku)] },
  };
}

function skuClaim(sku: string) {
  return { kind: 'sku', value: sku.normalize('NFC').toLowerCase() } as const;
}
