import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { productStream } from '../events/products.ts';
import { userStream } from '../events/users.ts';
import { chatProjection } from '../projections/chat.ts';
import { products, productsProjection } from '../projections/products.ts';
import { users, usersProjection } from '../projections/users.ts';
import { appendOf } from '../testing/log.ts';
import { readSide } from '../testing/read-side.ts';
import { defineProjection } from './projection.ts';
import { logStart, type Position, type StreamName } from './stream.ts';

const all = [usersProjection, productsProjection, chatProjection];
const at = (position: number) => position as Position;

const created = (name: string) =>
  ({ type: 'ProductCreated', data: { name, sku: name, priceCents: 1, createdBy: 'ada' } }) as const;

let side: ReturnType<typeof readSide>;

beforeEach(() => {
  side = readSide(all);
});

afterEach(() => side.close());

const prices = () => side.rowsOf<{ price_cents: number }>(products).map((row) => row.price_cents);
const names = () => side.rowsOf<{ name: string }>(users).map(({ name }) => name);

/** An event that is stored as it is, however broken. */
const stores = (stream: StreamName, type: string, data: string) =>
  side.log.append([
    appendOf({ stream, expected: 'any', events: [{ id: 'raw', type, schemaVersion: 1, data }] }),
  ]);

describe('a projector that meets an event it cannot decode', () => {
  test('parks it only for the projections that handle it', async () => {
    await stores(userStream('ada'), 'UserRenamed', '{"name":');
    await side.happens(productStream('mug'), created('mug'));
    await side.catchUp();
    expect(await side.parked()).toEqual(['users 1']);
    expect(prices()).toEqual([1]);
  });

  test('parks the later events of its stream with it', async () => {
    await side.registers(userStream('ada'), 'Ada');
    await stores(userStream('ada'), 'UserRenamed', '{"name":');
    const renamed = { type: 'UserRenamed', data: { name: 'Ada L.' } } as const;
    await side.happens(userStream('ada'), renamed);
    await side.catchUp();
    expect(await side.parked()).toEqual(['users 2', 'users 3']);
    expect(names()).toEqual(['Ada']);
  });

  test('parks it for every projection that handles it', async () => {
    const watcher = { ...usersProjection, name: 'watcher' };
    side.restart({ projections: [...all, watcher] });
    await stores(userStream('ada'), 'UserRenamed', 'null');
    await side.catchUp();
    expect((await side.parked()).toSorted()).toEqual(['users 1', 'watcher 1']);
  });

  test('takes no notice when nobody handles it', async () => {
    await stores(productStream('mug'), 'FromTheFuture', 'no JSON at all');
    await side.happens(productStream('cup'), created('cup'));
    await side.catchUp();
    expect(await side.parked()).toEqual([]);
    expect(side.progress()?.applied).toBe(at(2));
  });

  test('parks what was sealed for another place', async () => {
    await side.registers(userStream('ada'), 'Ada');
    const [first] = await side.log.readAll(logStart, 1);
    await stores(userStream('ada'), 'UserRegistered', first!.data);
    await side.catchUp();
    expect(await side.parked()).toEqual(['users 2']);
    expect(names()).toEqual(['Ada']);
  });

  test('parks what a handler throws at', async () => {
    const throwing = defineProjection<ReturnType<typeof created>>({
      name: 'throwing',
      version: 1,
      tables: [],
      on: {
        ProductCreated: ({ data }) => {
          if (data.name === 'mug') throw new Error('no mugs');
          return [];
        },
      },
    });
    side.restart({ projections: [throwing, productsProjection] });
    await side.happens(productStream('mug'), created('mug'));
    await side.happens(productStream('cup'), created('cup'));
    await side.catchUp();
    expect(await side.parked()).toEqual(['throwing 1']);
    expect(side.rowsOf(products)).toHaveLength(2);
  });

  test.each([
    ['an object where a column takes text', { name: { first: 'mug' } }],
    ['an object where a column takes a number', { priceCents: { many: 1 } }],
    ['nothing where a column needs something', { createdBy: null }],
  ])('parks %s', async (_, wrong) => {
    const data = { ...created('mug').data, ...wrong };
    await stores(productStream('mug'), 'ProductCreated', JSON.stringify(data));
    await side.happens(productStream('cup'), created('cup'));
    await side.catchUp();
    expect(side.progress()?.applied).toBe(at(2));
    expect(side.rowsOf(products).map(({ id }) => id)).toContain('cup');
  });
});
