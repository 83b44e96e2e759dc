import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { messageStream } from '../events/chat.ts';
import { productStream } from '../events/products.ts';
import { userStream } from '../events/users.ts';
import { chatProjection, messages } from '../projections/chat.ts';
import { products, productsProjection } from '../projections/products.ts';
import { users, usersProjection } from '../projections/users.ts';
import { insert } from '../projections/changes.ts';
import { createMemoryLog } from '../storage/memory/event-log.ts';
import { appendOf, write } from '../testing/log.ts';
import { readSide } from '../testing/read-side.ts';
import type { EventLog } from './event-log.ts';
import { defineProjection, type Projection } from './projection.ts';
import { LogShortened } from './projector-start.ts';
import { CheckpointMoved, type ReadModel } from './read-model.ts';
import { logStart, type Position } from './stream.ts';
import { FatalFailure } from './subscription.ts';

const all = [usersProjection, productsProjection, chatProjection];
const at = (position: number) => position as Position;

const created = (name: string) =>
  ({ type: 'ProductCreated', data: { name, sku: name, priceCents: 1, createdBy: 'ada' } }) as const;
const repriced = (priceCents: number) =>
  ({ type: 'ProductRepriced', data: { priceCents, previousCents: 1 } }) as const;

describe('a projector', () => {
  let side: ReturnType<typeof readSide>;

  beforeEach(() => {
    side = readSide(all);
  });

  afterEach(() => side.close());

  const prices = () => side.rowsOf<{ price_cents: number }>(products).map((row) => row.price_cents);
  const names = () => side.rowsOf<{ name: string }>(users).map(({ name }) => name);

  test('brings every projection to the head, and tells how far it is', async () => {
    await side.registers(userStream('ada'), 'Ada');
    await side.happens(productStream('mug'), created('mug'));
    await side.catchUp();
    expect(names()).toEqual(['Ada']);
    expect(prices()).toEqual([1]);
    const build = expect.stringMatching(/^[0-9a-f-]{36}$/);
    expect(side.progress()).toEqual({
      applied: at(2),
      positions: { users: at(2), products: at(2), messages: at(2) },
      builds: { users: build, products: build, messages: build },
      outdated: [],
      overtaken: [],
      parked: [],
    });
  });

  test('tells where it stands when it starts with nothing to do', async () => {
    await side.catchUp();
    expect(side.progress()?.applied).toBe(logStart);
  });

  test('counts every event once, over any number of restarts', async () => {
    await side.happens(productStream('mug'), created('mug'));
    await side.catchUp();
    side.restart();
    await side.catchUp();
    await side.happens(productStream('cup'), created('cup'));
    side.restart();
    await side.catchUp();
    expect(side.rowsOf(products)).toHaveLength(2);
  });

  test('goes on over pages, and answers whether more may be waiting', async () => {
    await side.log.append([appendOf(write('a', 1_000))]);
    const projector = side.projector();
    expect(await projector.advance()).toBe(true);
    expect(await projector.advance()).toBe(false);
    await side.log.append([appendOf(write('a', 1_001))]);
    expect(await projector.advance()).toBe(true);
    expect(await projector.advance()).toBe(false);
    expect(side.progress()?.applied).toBe(at(2_001));
  });

  test('goes no further than the position it is asked for', async () => {
    for (const name of ['mug', 'cup', 'jug'])
      await side.happens(productStream(name), created(name));
    const projector = side.projector();
    expect(await projector.advanceTo(at(2))).toBe(false);
    expect(side.progress()?.applied).toBe(at(2));
    expect(side.rowsOf(products)).toHaveLength(2);
  });

  test('lets a new projection catch up without applying anything twice', async () => {
    await side.happens(productStream('mug'), created('mug'));
    await side.registers(userStream('ada'), 'Ada');
    side.restart({ projections: [productsProjection] });
    await side.catchUp();
    expect(side.rowsOf(users)).toEqual([]);
    side.restart();
    await side.catchUp();
    expect(names()).toEqual(['Ada']);
    expect(side.rowsOf(products)).toHaveLength(1);
  });

  describe('that meets a poison event', () => {
    beforeEach(async () => {
      await side.happens(productStream('mug'), created('mug'));
      await side.happens(productStream('ghost'), repriced(5)); // has no row
      await side.happens(productStream('ghost'), repriced(6));
      await side.happens(productStream('mug'), repriced(7));
      await side.registers(userStream('ada'), 'Ada');
    });

    test('parks it with the later events of its stream, and goes on with the others', async () => {
      await side.catchUp();
      expect(await side.parked()).toEqual(['products 2', 'products 3']);
      expect(prices()).toEqual([7]);
      expect(names()).toEqual(['Ada']);
      expect(side.progress()).toMatchObject({ applied: at(5) });
    });

    test('says why, of each event it has parked', async () => {
      await side.catchUp();
      const parked = side.progress()!.parked;
      expect(parked).toEqual([...(await side.readModel.parked())]);
      expect(parked[0]).toMatchObject({
        projection: 'products',
        position: at(2),
        stream: productStream('ghost'),
        type: 'ProductRepriced',
        time: '2026-01-01T00:00:00.000Z',
        reason: expect.stringContaining('products has no row'),
      });
      expect(parked[1]?.reason).toBe('An earlier event of this stream is parked.');
    });

    test('parks later events of that stream in later pages too', async () => {
      await side.catchUp();
      await side.happens(productStream('ghost'), created('ghost'));
      await side.happens(productStream('cup'), created('cup'));
      await side.catchUp();
      expect(await side.parked()).toEqual(['products 2', 'products 3', 'products 6']);
      expect(side.rowsOf(products)).toHaveLength(2);
    });

    test('parks later events of that stream after a restart too', async () => {
      await side.catchUp();
      side.restart();
      await side.happens(productStream('ghost'), repriced(8));
      await side.catchUp();
      expect(await side.parked()).toEqual(['products 2', 'products 3', 'products 6']);
    });

    test('parks several of different streams in one page', async () => {
      await side.happens(productStream('second'), repriced(1));
      await side.happens(productStream('mug'), created('mug')); // exists already
      await side.happens(productStream('mug'), repriced(9));
      await side.catchUp();
      const expected = [2, 3, 6, 7, 8].map((position) => `products ${position}`);
      expect(await side.parked()).toEqual(expected);
      expect(side.progress()!.parked.map(({ position }) => position as number)).toEqual([
        2, 3, 6, 7, 8,
      ]);
      expect(prices()).toEqual([7]);
    });

    test('tries parked events again when it starts, in the order of the log', async () => {
      await side.catchUp();
      const builds = side.progress()!.builds;
      side.run("UPDATE products SET id = 'ghost' WHERE id = 'mug'");
      side.restart();
      await side.catchUp();
      const { products: build, ...others } = side.progress()!.builds;
      expect(builds).toMatchObject(others);
      expect(build).not.toBe(builds['products']!);
      expect(await side.builds()).toContain(`products ${build}`);
      expect(await side.parked()).toEqual([]);
      expect(side.progress()?.parked).toEqual([]);
      expect(prices()).toEqual([6]);
      expect(side.rowsOf(products)).toMatchObject([{ id: 'ghost', version: 2 }]);
    });

    test('leaves parked what fails again, without trying what follows it', async () => {
      await side.catchUp();
      side.restart();
      await side.catchUp();
      expect(await side.parked()).toEqual(['products 2', 'products 3']);
      const [first] = await side.readModel.parked();
      expect(first?.reason).toContain('no row');
    });
  });

  test('shows erased text for a person whose key is gone', async () => {
    await side.registers(userStream('ada'), 'Ada');
    const post = { room: 'lobby', authorId: 'ada', text: 'secret' };
    await side.happens(messageStream('m'), { type: 'MessagePosted', data: post });
    side.keys.remove('ada');
    side.restart({ keyring: side.keys.keyring() });
    await side.catchUp();
    expect(names()).toEqual(['[erased]']);
    expect(side.rowsOf(messages)).toMatchObject([{ text: '[erased]', author_id: 'ada' }]);
  });

  describe('whose checkpoint somebody else has moved', () => {
    test('applies nothing, and goes on from where that other is', async () => {
      await side.happens(productStream('mug'), created('mug'));
      await side.catchUp();
      await side.happens(productStream('mug'), repriced(5));
      const other = side.projector({ onProgress: () => {} });
      await other.advance();
      await side.happens(productStream('mug'), repriced(9));

      await expect(side.catchUp()).rejects.toBeInstanceOf(CheckpointMoved);
      expect(prices()).toEqual([5]);
      await side.catchUp();
      expect(prices()).toEqual([9]);
      expect(side.rowsOf(products)).toMatchObject([{ version: 3 }]);
    });
  });

  test('changes nothing when its transaction fails, and goes on when it works again', async () => {
    let isBroken = true;
    const readModel: ReadModel = {
      ...side.readModel,
      apply: async (batches) => {
        if (isBroken) throw new Error('disk full');
        await side.readModel.apply(batches);
      },
    };
    side.restart({ readModel });
    await side.happens(productStream('mug'), created('mug'));
    await expect(side.catchUp()).rejects.toThrow('disk full');
    expect(await side.parked()).toEqual([]);
    isBroken = false;
    await side.catchUp();
    expect(prices()).toEqual([1]);
  });

  test('applies the rows and the checkpoint of a page together or not at all', async () => {
    await side.happens(productStream('mug'), created('mug'));
    await side.registers(userStream('ada'), 'Ada');
    side.run(
      'CREATE TRIGGER full BEFORE INSERT ON users BEGIN SELECT 1/0, missing FROM nowhere; END',
    );
    await expect(side.catchUp()).rejects.toThrow();
    expect(side.rowsOf(products)).toEqual([]);
    const positions = [...(await side.readModel.checkpoints()).values()].map((one) => one.position);
    expect(positions).toEqual([logStart, logStart, logStart]);
  });

  describe('of a log that has lost events', () => {
    const shortened = (log: EventLog): EventLog => ({
      ...log,
      head: async () => at(1),
      readAll: async (after, limit) =>
        (await log.readAll(after, limit)).filter(({ position }) => position <= 1),
    });

    test('stops, because its rows know of later ones', async () => {
      for (const name of ['mug', 'cup']) await side.happens(productStream(name), created(name));
      await side.catchUp();
      side.restart({ log: shortened(side.log) });
      const failure = await side.catchUp().catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(LogShortened);
      expect(failure).toBeInstanceOf(FatalFailure);
      expect((failure as Error).message).toContain('position 1');
    });

    test('stops even when all of it is gone', async () => {
      await side.happens(productStream('mug'), created('mug'));
      await side.catchUp();
      side.restart({ log: createMemoryLog() });
      await expect(side.catchUp()).rejects.toBeInstanceOf(LogShortened);
    });
  });

  describe('of a projection whose version was raised', () => {
    const raised: Projection = { ...productsProjection, version: 2 };

    test('leaves the old rows as they are until they are rebuilt, and says so', async () => {
      await side.happens(productStream('mug'), created('mug'));
      await side.catchUp();
      await side.happens(productStream('cup'), created('cup'));
      side.restart({ projections: [usersProjection, raised] });
      await side.catchUp();
      expect(side.rowsOf(products)).toHaveLength(1);
      expect(side.progress()).toMatchObject({
        outdated: ['products'],
        positions: { users: at(2) },
      });
      expect(side.progress()?.positions).not.toHaveProperty('products');
    });

    test('follows it again once it is rebuilt', async () => {
      await side.happens(productStream('mug'), created('mug'));
      await side.catchUp();
      side.restart({ projections: [usersProjection, raised] });
      await side.catchUp();
      await side.rebuild([raised]);
      side.reload();
      await side.happens(productStream('cup'), created('cup'));
      await side.catchUp();
      expect(side.rowsOf(products)).toHaveLength(2);
      expect(side.progress()).toMatchObject({ outdated: [], positions: { products: at(2) } });
    });
  });

  test('inserts several rows of one event or none', async () => {
    const row = (id: string) => ({
      id,
      room: 'r',
      authorId: 'a',
      text: '',
      isWithdrawn: false,
      version: 1,
      position: 1,
      createdAt: '',
    });
    const doubling = defineProjection<ReturnType<typeof created>>({
      name: 'doubling',
      version: 1,
      tables: [messages],
      on: {
        ProductCreated: ({ data }) => [
          insert(messages, row('x')),
          insert(messages, row(data.name)),
        ],
      },
    });
    side.restart({ projections: [doubling] });
    await side.happens(productStream('x'), created('x'));
    await side.happens(productStream('y'), created('y'));
    await side.catchUp();
    expect(side.rowsOf(messages).map(({ id }) => id)).toEqual(['x', 'y']);
    expect(await side.parked()).toEqual(['doubling 1']);
  });
});
