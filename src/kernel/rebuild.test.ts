import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { existsSync } from 'node:fs';
import { messageStream } from '../events/chat.ts';
import { productStream } from '../events/products.ts';
import { userStream } from '../events/users.ts';
import { chatProjection } from '../projections/chat.ts';
import { products, productsProjection } from '../projections/products.ts';
import { usersProjection } from '../projections/users.ts';
import { readSide } from '../testing/read-side.ts';

const all = [usersProjection, productsProjection, chatProjection];

const created = (name: string) =>
  ({ type: 'ProductCreated', data: { name, sku: name, priceCents: 1, createdBy: 'ada' } }) as const;
const repriced = (priceCents: number) =>
  ({ type: 'ProductRepriced', data: { priceCents, previousCents: 1 } }) as const;

describe('rebuilding', () => {
  let side: ReturnType<typeof readSide>;

  beforeEach(async () => {
    side = readSide(all);
    await side.registers(userStream('ada'), 'Ada');
    await side.happens(productStream('mug'), created('mug'));
    await side.happens(productStream('cup'), created('cup'));
    await side.happens(productStream('ghost'), repriced(3)); // poison
    const post = { room: 'lobby', authorId: 'ada', text: 'Hello' };
    await side.happens(messageStream('m'), { type: 'MessagePosted', data: post });
    await side.happens(productStream('mug'), repriced(5));
    await side.happens(userStream('ada'), { type: 'UserRenamed', data: { name: 'Ada L.' } });
    const gone = { name: 'cup', createdBy: 'ada' };
    await side.happens(productStream('cup'), { type: 'ProductDeleted', data: gone });
  });

  afterEach(() => side.close());

  test('gives the same rows, checkpoints and parked events as following did', async () => {
    await side.catchUp();
    const live = side.dump();
    expect(live['products']).toHaveLength(1);
    await side.rebuild();
    expect(side.dump()).toEqual(live);
  });

  test('names the rows anew, and those of no other projection', async () => {
    await side.catchUp();
    const before = await side.builds();
    await side.rebuild([productsProjection]);
    const after = await side.builds();
    const changed = after.filter((build) => !before.includes(build));
    expect(changed).toEqual([expect.stringMatching(/^products ./)]);
    expect(after).toHaveLength(3);
  });

  test('gives the same rows when the log was followed event by event', async () => {
    const projector = side.projector();
    for (let position = 1; position <= 8; position += 1)
      await projector.advanceTo(position as never);
    const live = side.dump();
    await side.rebuild();
    expect(side.dump()).toEqual(live);
  });

  test('mends rows that were damaged', async () => {
    await side.catchUp();
    const live = side.dump();
    side.run('UPDATE products SET price_cents = 999');
    side.run('DELETE FROM users');
    await side.rebuild();
    expect(side.dump()).toEqual(live);
  });

  test('fills rows that were never there', async () => {
    const restored = readSide(all, side.log);
    try {
      side.keys.remove('ada'); // the other side has no keys, so neither has this one
      side.restart({ keyring: side.keys.keyring() });
      await side.catchUp();
      await restored.rebuild();
      expect(restored.dump()).toEqual(side.dump());
    } finally {
      restored.close();
    }
  });

  test('of one projection leaves the others alone', async () => {
    await side.catchUp();
    side.run("UPDATE products SET name = 'damaged'");
    side.run("UPDATE users SET name = 'damaged'");
    await side.rebuild([productsProjection]);
    const { products: rows, users } = side.dump();
    expect(rows).toMatchObject([{ name: 'mug' }]);
    expect(users).toMatchObject([{ name: 'damaged' }]);
  });

  test('that is interrupted leaves the live rows in place, and goes on from there', async () => {
    await side.catchUp();
    const live = side.dump();
    await side.rebuildTo(3);
    expect(side.dump()).toEqual(live);
    expect(existsSync(side.besideFile)).toBe(true);
    await side.rebuild();
    expect(side.dump()).toEqual(live);
  });

  test('goes on where it was interrupted, without reading again what it has', async () => {
    await side.catchUp();
    await side.rebuildTo(5);
    const readFrom: number[] = [];
    const { readAll } = side.log;
    Object.assign(side.log, {
      readAll: (after: number, limit: number) => {
        readFrom.push(after);
        return readAll(after as never, limit);
      },
    });
    await side.rebuild();
    // A parked event is tried again where it stands.
    expect(readFrom.filter((after) => after !== 3)).toEqual([5]);
  });

  test('that was interrupted at an older version begins anew', async () => {
    await side.catchUp();
    await side.rebuildTo(2);
    const raised = all.map((one) => ({ ...one, version: 2 }));
    await side.rebuild(raised);
    expect(side.rowsOf(products)).toMatchObject([{ id: 'mug', price_cents: 5 }]);
    const versions = [...(await side.readModel.checkpoints()).values()];
    expect(versions).toMatchObject(Array(3).fill({ version: 2, position: 8 }));
  });

  test('keeps the live rows when the swap fails half-way', async () => {
    await side.catchUp();
    const live = side.dump();
    side.run(
      'CREATE TRIGGER full BEFORE INSERT ON messages BEGIN SELECT missing FROM nowhere; END',
    );
    await expect(side.rebuild()).rejects.toThrow();
    expect(side.dump()).toEqual(live);
  });

  test('swaps in nothing older than what is live', async () => {
    await side.catchUp();
    await side.rebuildTo(3);
    await side.happens(productStream('jug'), created('jug'));
    await side.catchUp();
    const live = side.dump();
    await side.rebuild();
    expect(side.dump()).toEqual(live);
  });

  test('lets the projector that was running go on, whatever the swap has moved', async () => {
    await side.catchUp();
    await side.happens(productStream('jug'), created('jug'));
    await side.rebuild();
    await side.happens(productStream('jug'), repriced(7));
    await side.catchUp().catch(() => {});
    await side.catchUp();
    expect(side.rowsOf(products)).toMatchObject([{ id: 'mug' }, { id: 'jug', price_cents: 7 }]);
  });

  test('lets the running projector know that a parked stream is whole again', async () => {
    await side.catchUp();
    side.run("DELETE FROM products WHERE id = 'mug'"); // damage
    await side.happens(productStream('mug'), repriced(6));
    await side.catchUp();
    expect(await side.parked()).toEqual(['products 4', 'products 9']);
    await side.rebuild();
    side.reload();
    await side.happens(productStream('mug'), repriced(7));
    await side.catchUp();
    expect(await side.parked()).toEqual(['products 4']);
    expect(side.rowsOf(products)).toMatchObject([{ id: 'mug', price_cents: 7 }]);
  });
});
