import { describe, expect, test } from 'bun:test';
import type { ProductEvent } from '../events/products.ts';
import { specify } from '../testing/decider-spec.ts';
import type { Caller } from './caller.ts';
import { product } from './products.ts';

const given = specify(product);

const ada: Caller = { id: 'ada', role: 'user' };
const bob: Caller = { id: 'bob', role: 'user' };
const moderator: Caller = { id: 'mo', role: 'moderator' };
const admin: Caller = { id: 'root', role: 'admin' };

const mug = { name: 'Mug', sku: 'MUG-1', priceCents: 900 };
const create = { type: 'CreateProduct', ...mug, by: ada } as const;
const revise = { type: 'ReviseProduct', by: ada } as const;
const remove = { type: 'DeleteProduct', by: ada } as const;

const created: ProductEvent = { type: 'ProductCreated', data: { ...mug, createdBy: 'ada' } };
const renamed: ProductEvent = {
  type: 'ProductRenamed',
  data: { name: 'Big mug', previousName: 'Mug' },
};
const repriced: ProductEvent = {
  type: 'ProductRepriced',
  data: { priceCents: 1_200, previousCents: 900 },
};
const deleted: ProductEvent = { type: 'ProductDeleted', data: { name: 'Mug', createdBy: 'ada' } };

const image = { key: 'abc', contentType: 'image/png', width: 3, height: 2, bytes: 70 };
const attach = { type: 'AttachImage', image, by: ada } as const;
const detach = { type: 'DetachImage', by: ada } as const;
const attached: ProductEvent = { type: 'ProductImageAttached', data: image };
const detached: ProductEvent = { type: 'ProductImageDetached', data: { key: 'abc' } };

describe('creating a product', () => {
  test('records what it is and who made it', () => {
    given().when(create).thenEmits(created);
  });

  test('claims its SKU, whatever its case or Unicode spelling', () => {
    const claims = (sku: string) => ({
      take: [{ kind: 'sku', value: sku, orElse: 'sku-taken' as const }],
    });
    given().when(create).thenClaims(claims('mug-1'));
    given()
      .when({ ...create, sku: 'Cafe\u0301' })
      .thenClaims(claims('caf\u00e9'));
  });

  test('is refused where there is one, and where there was one', () => {
    given(created).when(create).thenRejected('product-exists');
    given(created, deleted).when(create).thenRejected('product-exists');
  });
});

describe('revising a product', () => {
  test('records the old name beside the new one', () => {
    given(created)
      .when({ ...revise, name: 'Big mug' })
      .thenEmits(renamed);
  });

  test('records the old price beside the new one', () => {
    given(created)
      .when({ ...revise, priceCents: 1_200 })
      .thenEmits(repriced);
  });

  test('knows the name and price that earlier revisions gave', () => {
    given(created, renamed, repriced)
      .when({ ...revise, name: 'Mug', priceCents: 900 })
      .thenEmits(
        { type: 'ProductRenamed', data: { name: 'Mug', previousName: 'Big mug' } },
        { type: 'ProductRepriced', data: { priceCents: 900, previousCents: 1_200 } },
      );
  });

  test('records name and price as two events', () => {
    given(created)
      .when({ ...revise, name: 'Big mug', priceCents: 1_200 })
      .thenEmits(renamed, repriced);
  });

  test('to what it is already changes nothing', () => {
    given(created).when(revise).thenNothingHappens();
    given(created)
      .when({ ...revise, name: 'Mug', priceCents: 900 })
      .thenNothingHappens();
  });

  test('can make it free of charge', () => {
    const free: ProductEvent = {
      type: 'ProductRepriced',
      data: { priceCents: 0, previousCents: 900 },
    };
    given(created)
      .when({ ...revise, priceCents: 0 })
      .thenEmits(free);
  });

  test('claims nothing: the SKU stays', () => {
    given(created)
      .when({ ...revise, name: 'Big mug' })
      .thenClaims({});
  });

  test('is for its maker, moderators and admins', () => {
    const wish = { ...revise, name: 'Big mug' };
    given(created)
      .when({ ...wish, by: bob })
      .thenRejected('product-not-yours');
    for (const by of [ada, moderator, admin]) {
      given(created)
        .when({ ...wish, by })
        .thenEmits(renamed);
    }
  });

  test('is refused where there is none, and where it was deleted', () => {
    given().when(revise).thenRejected('product-unknown');
    given(created, deleted).when(revise).thenRejected('product-unknown');
  });

  test('tells somebody else nothing about a product that is gone', () => {
    given(created, deleted)
      .when({ ...revise, by: bob })
      .thenRejected('product-unknown');
  });
});

describe('giving a product an image', () => {
  test('records what it is', () => {
    given(created).when(attach).thenEmits(attached);
    given(created, attached, detached).when(attach).thenEmits(attached);
  });

  test('replaces the one it has', () => {
    const another = { ...image, key: 'def' };
    given(created, attached)
      .when({ ...attach, image: another })
      .thenEmits({ type: 'ProductImageAttached', data: another });
  });

  test('of the same bytes changes nothing', () => {
    given(created, attached).when(attach).thenNothingHappens();
    given(created, attached, renamed, repriced).when(attach).thenNothingHappens();
  });

  test('is for its maker, moderators and admins, while there is a product', () => {
    given(created)
      .when({ ...attach, by: bob })
      .thenRejected('product-not-yours');
    given(created)
      .when({ ...attach, by: moderator })
      .thenEmits(attached);
    given().when(attach).thenRejected('product-unknown');
    given(created, deleted).when(attach).thenRejected('product-unknown');
  });
});

describe('removing the image of a product', () => {
  test('records which it was', () => {
    given(created, attached).when(detach).thenEmits(detached);
  });

  test('is refused where there is none', () => {
    given(created).when(detach).thenRejected('product-without-image');
    given(created, attached, detached).when(detach).thenRejected('product-without-image');
  });

  test('is for its maker, moderators and admins', () => {
    given(created, attached)
      .when({ ...detach, by: bob })
      .thenRejected('product-not-yours');
    given(created, attached)
      .when({ ...detach, by: admin })
      .thenEmits(detached);
  });
});

describe('deleting a product', () => {
  test('records what it was called at the end and who made it', () => {
    given(created).when(remove).thenEmits(deleted);
    given(created, renamed)
      .when(remove)
      .thenEmits({ type: 'ProductDeleted', data: { name: 'Big mug', createdBy: 'ada' } });
  });

  test('gives its SKU back', () => {
    given(created)
      .when(remove)
      .thenClaims({ release: [{ kind: 'sku', value: 'mug-1' }] });
  });

  test('leaves nothing to delete again', () => {
    given(created).when(remove).thenStateIs({ status: 'deleted' });
    given(created, deleted).when(remove).thenRejected('product-unknown');
  });

  test('is for its maker, moderators and admins', () => {
    given(created)
      .when({ ...remove, by: bob })
      .thenRejected('product-not-yours');
    for (const by of [moderator, admin]) {
      given(created)
        .when({ ...remove, by })
        .thenEmits(deleted);
    }
  });
});

describe('a product', () => {
  test('is what its events say', () => {
    const history = [created, renamed, repriced];
    expect(history.reduce(product.evolve, product.initialState)).toEqual({
      status: 'listed',
      name: 'Big mug',
      sku: 'MUG-1',
      priceCents: 1_200,
      createdBy: 'ada',
    });
  });

  test('stays deleted whatever follows', () => {
    const history = [created, deleted, renamed, repriced];
    expect(history.reduce(product.evolve, product.initialState)).toEqual({ status: 'deleted' });
  });
});
