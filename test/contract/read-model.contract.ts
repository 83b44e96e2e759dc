import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import type { Projection, RowChange } from '../../src/kernel/projection.ts';
import {
  CheckpointMoved,
  type ProjectionBatch,
  type Step,
  UnappliableStep,
} from '../../src/kernel/read-model.ts';
import type { Position } from '../../src/kernel/stream.ts';
import { erase, increment, insert, patch, remove } from '../../src/projections/changes.ts';
import { products, productsProjection } from '../../src/projections/products.ts';
import { users } from '../../src/projections/users.ts';
import type { OpenedReadModel } from '../../src/testing/row-engines.ts';

const at = (position: number) => position as Position;
const time = '2026-01-01T00:00:00.000Z';
const stamps = { version: 1, position: 1, createdAt: time, updatedAt: time };

const product = (id: string, name = id, priceCents = 1) =>
  insert(products, {
    id,
    name,
    sku: id,
    priceCents,
    createdBy: 'ada',
    searchName: name,
    searchSku: id,
    ...stamps,
  });
const user = (id: string) => {
  const searched = { searchEmail: id, searchName: id };
  return insert(users, { id, email: id, name: id, role: 'user', ...searched, ...stamps });
};
const step = (position: number, ...changes: readonly RowChange[]) =>
  ({ position: at(position), stream: `s-${position}`, type: 'T', time, changes }) as Step;
const nothing = { parked: [], unparked: [] };
const batch = (from: number, to: number, ...steps: readonly Step[]): ProjectionBatch => ({
  projection: 'products',
  from: at(from),
  to: at(to),
  steps,
  ...nothing,
});
const parkedAt = (position: number) => ({
  projection: 'products',
  position: at(position),
  stream: 's-1' as Step['stream'],
  type: 'T',
  time: time as Step['time'],
  reason: 'It is "poison" \\ {indeed}',
});

/** What every engine promises of read models; see src/kernel/read-model.ts. */
export function readModelContract(engine: string, open: () => Promise<OpenedReadModel>) {
  describe(`the read models in ${engine}`, () => {
    let opened: OpenedReadModel;

    beforeEach(async () => {
      opened = await open();
      await opened.readModel.begin('products', 1);
      await opened.readModel.begin('users', 1);
    });

    afterEach(() => opened.close());

    const apply = (...batches: readonly ProjectionBatch[]) => opened.readModel.apply(batches);
    const rowsOf = async (table: string) =>
      (await opened.dump())[table]!.map((line) => JSON.parse(line));
    const names = async () => (await rowsOf('products')).map(({ id, name }) => `${id} ${name}`);
    const positions = async () =>
      Object.fromEntries(
        [...(await opened.readModel.checkpoints())].map(([name, one]) => [name, one.position]),
      ) as Record<string, number>;

    const refusalOf = async (...batches: readonly ProjectionBatch[]) => {
      const before = await opened.dump();
      const error = await apply(...batches).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      expect(error).toBeInstanceOf(UnappliableStep);
      expect(await opened.dump()).toEqual(before);
      const { projection, position } = error as UnappliableStep;
      return `${projection} ${position}`;
    };

    describe('checkpoints', () => {
      test('begin at nothing, and only once', async () => {
        await apply(batch(0, 3));
        await opened.readModel.begin('products', 2);
        expect([...(await opened.readModel.checkpoints())].toSorted()).toEqual([
          ['products', { version: 1, position: at(3), build: expect.any(String) }],
          ['users', { version: 1, position: at(0), build: expect.any(String) }],
        ]);
      });

      test('that somebody else has moved refuse the whole call', async () => {
        await apply(batch(0, 3));
        const before = await opened.dump();
        const ofUsers = { ...batch(0, 4, step(4, user('ada'))), projection: 'users' };
        const late = apply(ofUsers, batch(0, 4, step(4, product('mug'))));
        await expect(late).rejects.toBeInstanceOf(CheckpointMoved);
        expect(await opened.dump()).toEqual(before);
      });

      test('are moved by one of several who try at once', async () => {
        const tries = ['a', 'b', 'c', 'd'].map((id) => apply(batch(0, 1, step(1, product(id)))));
        const outcomes = await Promise.allSettled(tries);
        const failed = outcomes.filter((one) => one.status === 'rejected');
        expect(failed.map(({ reason }) => reason.name)).toEqual(Array(3).fill('CheckpointMoved'));
        expect(await names()).toHaveLength(1);
      });
    });

    describe('changes', () => {
      test('of one row in one call happen one after another', async () => {
        const key = { id: 'mug' };
        await apply(
          batch(
            0,
            9,
            step(1, product('mug', 'Mug', 100)),
            step(2, increment(products, key, { priceCents: 5, version: 1 })),
            step(3, patch(products, key, { name: 'Big mug' }), product('cup')),
            step(4, increment(products, key, { priceCents: -1 })),
            step(5, remove(products, { id: 'cup' })),
            step(6, product('cup', 'Second cup')),
            step(7, patch(products, key, { name: 'Bigger mug', priceCents: 7 })),
            step(8, increment(products, key, { priceCents: 1 })),
          ),
        );
        expect(await names()).toEqual(['cup Second cup', 'mug Bigger mug']);
        expect((await rowsOf('products'))[1]).toMatchObject({ price_cents: 8, version: 2 });
      });

      test('of rows that were there already find them', async () => {
        await apply(batch(0, 2, step(1, product('mug')), step(2, product('cup'))));
        const key = { id: 'mug' };
        const sums = step(3, increment(products, key, { priceCents: 2 }));
        const more = step(4, increment(products, key, { priceCents: 3 }));
        await apply(batch(2, 5, sums, more, step(5, remove(products, { id: 'cup' }))));
        expect(await rowsOf('products')).toMatchObject([{ id: 'mug', price_cents: 6 }]);
      });

      test('of one row keep their order, whatever happens to others meanwhile', async () => {
        await apply(batch(0, 1, step(1, product('mug'), product('cup'))));
        await apply(
          batch(
            1,
            4,
            step(2, increment(products, { id: 'cup' }, { priceCents: 1 })),
            step(3, patch(products, { id: 'mug' }, { priceCents: 7 })),
            step(4, increment(products, { id: 'mug' }, { priceCents: 1 })),
          ),
        );
        const prices = (await rowsOf('products')).map((row) => row.price_cents);
        expect(prices).toEqual([2, 8]);
      });

      test('by something else than the key change every row that matches, in their turn', async () => {
        const byAda = { createdBy: 'ada' };
        await apply(
          batch(
            0,
            4,
            step(1, product('mug'), product('cup')),
            step(2, patch(products, byAda, { name: 'all' })),
            step(3, patch(products, { id: 'mug' }, { name: 'one' })),
            step(4, product('jug')),
          ),
        );
        expect(await names()).toEqual(['cup all', 'jug jug', 'mug one']);
      });

      test('that erase reach every row that matches, also none, and in their turn', async () => {
        const eve = patch(products, { id: 'cup' }, { createdBy: 'eve' });
        await apply(
          batch(
            0,
            6,
            step(1, product('mug'), product('cup'), product('jug')),
            step(2, eve, erase(products, { createdBy: 'nobody' })),
            step(3, erase(products, { createdBy: 'ada' }, { name: 'gone' })),
            step(4, patch(products, { id: 'mug' }, { name: 'back' })),
            step(5, product('pot')),
          ),
        );
        expect(await names()).toEqual(['cup cup', 'jug gone', 'mug back', 'pot pot']);
        await apply(batch(6, 8, step(7, erase(products, { createdBy: 'ada' }))));
        expect(await names()).toEqual(['cup cup']);
        await apply(batch(8, 10, step(9, erase(products, { id: 'cup' }), product('cup', 'new'))));
        expect(await names()).toEqual(['cup new']);
      });

      test('keep every text but U+0000 as it is', async () => {
        const odd = `"quoted" \\ {a,b} NULL '' \u{1F600} \u0001 é\n\t`;
        await apply(batch(0, 1, step(1, product('odd', odd), product('nul', 'a\0b'))));
        expect(await names()).toEqual(['nul a\uFFFDb', `odd ${odd}`]);
      });
    });

    describe('a step that the rows refuse', () => {
      beforeEach(() => apply(batch(0, 1, step(1, product('mug')))));

      test('is named when its row is not there', async () => {
        const lost = step(3, patch(products, { id: 'ghost' }, { name: 'x' }));
        expect(await refusalOf(batch(1, 4, step(2, product('cup')), lost))).toBe('products 3');
      });

      test('is named when its row is there already, even if it is removed later', async () => {
        const steps = [step(2, product('mug')), step(3, remove(products, { id: 'mug' }))];
        expect(await refusalOf(batch(1, 3, ...steps))).toBe('products 2');
      });

      test('is named when a value is missing or is none that a column can hold', async () => {
        const wrong = (name: unknown) => patch(products, { id: 'mug' }, { name: name as string });
        expect(await refusalOf(batch(1, 2, step(2, wrong(null))))).toBe('products 2');
        expect(await refusalOf(batch(1, 2, step(2, wrong({ an: 'object' }))))).toBe('products 2');
      });

      test('is the first of several, and takes the other projections of the call with it', async () => {
        const lost = (position: number) => step(position, remove(products, { id: 'ghost' }));
        const ofUsers = { ...batch(0, 9, step(2, user('ada'))), projection: 'users' };
        const steps = [step(3, product('cup')), lost(4), step(5, product('mug')), lost(6)];
        expect(await refusalOf(ofUsers, batch(1, 9, ...steps))).toBe('products 4');
        expect(await positions()).toEqual({ products: 1, users: 0 });
      });

      test('leaves the read models able to go on', async () => {
        await refusalOf(batch(1, 2, step(2, product('mug'))));
        await apply(batch(1, 2, step(2, product('cup'))));
        expect(await names()).toEqual(['cup cup', 'mug mug']);
      });
    });

    const buildOf = async (projection: string) =>
      (await opened.readModel.checkpoints()).get(projection)!.build;

    test('what is made good of parked events makes other rows, by another name', async () => {
      const first = await buildOf('products');
      await apply({ ...batch(0, 5), parked: [parkedAt(2)] });
      expect(await buildOf('products')).toBe(first);
      await apply({ ...batch(5, 5, step(2, product('mug'))), unparked: [at(2)] });
      expect(await buildOf('products')).not.toBe(first);
      expect(await buildOf('users')).not.toBe(first);
    });

    test('a batch that goes on with other rows than are there is refused', async () => {
      const build = await buildOf('products');
      await apply({ ...batch(0, 3), build });
      const other = { ...batch(3, 4, step(4, product('mug'))), build: 'another making' };
      const error = await apply(other).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(CheckpointMoved);
      expect(await positions()).toEqual({ products: 3, users: 0 });
      expect(await names()).toEqual([]);
    });

    test('parked events come and go with the batch that says so', async () => {
      const { parked } = opened.readModel;
      await apply({ ...batch(0, 5), parked: [parkedAt(5), parkedAt(2)] });
      expect(await parked()).toEqual([parkedAt(2), parkedAt(5)]);
      await refusalOf({
        ...batch(5, 5, step(2, remove(products, { id: 'x' }))),
        unparked: [at(2)],
      });
      await apply({ ...batch(5, 5, step(2, product('mug'))), unparked: [at(2)] });
      expect(await parked()).toEqual([parkedAt(5)]);
    });

    describe('rows beside', () => {
      const raised: Projection = { ...productsProjection, version: 2 };
      const none = async () => {};

      async function building(
        projection: Projection,
        work: (beside: Awaited<ReturnType<OpenedReadModel['openBeside']>>) => Promise<unknown>,
      ) {
        const beside = await opened.openBeside([projection]);
        try {
          await beside.begin('products', projection.version);
          await work(beside);
        } finally {
          await beside.close();
        }
      }

      beforeEach(async () => {
        await apply({ ...batch(0, 9, step(1, product('old'))), parked: [parkedAt(3)] });
        await apply({ ...batch(0, 9, step(1, user('ada'))), projection: 'users' });
      });

      test('take the place of the live ones, with their checkpoint, and leave the others', async () => {
        const { users: before } = await opened.dump();
        await building(raised, async (beside) => {
          const parked = [parkedAt(4)];
          await beside.apply([{ ...batch(0, 9, step(1, product('new'))), parked }]);
          const { build } = (await beside.checkpoints()).get('products')!;
          expect(await names()).toEqual(['old old']);
          await beside.swap(['products'], none);
          expect(await buildOf('products')).toBe(build);
        });
        expect(await names()).toEqual(['new new']);
        expect((await opened.dump())['users']).toEqual(before!);
        expect(await opened.readModel.parked()).toEqual([parkedAt(4)]);
        expect(await positions()).toEqual({ products: 9, users: 9 });
        expect((await opened.readModel.checkpoints()).get('products')?.version).toBe(2);
      });

      test('are followed like any others afterwards, quickly and with their rules', async () => {
        await building(raised, async (beside) => {
          await beside.apply([batch(0, 9, step(1, product('new')))]);
          await beside.swap(['products'], none);
        });
        await apply(batch(9, 10, step(10, patch(products, { id: 'new' }, { name: 'newer' }))));
        expect(await names()).toEqual(['new newer']);
        expect(await refusalOf(batch(10, 11, step(11, product('new'))))).toBe('products 11');
      });

      test('are brought to where the live ones are before they take their place', async () => {
        await building(raised, async (beside) => {
          await beside.apply([batch(0, 4, step(1, product('a')))]);
          await beside.swap(['products'], async (to) => {
            expect(to as number).toBe(9);
            await beside.apply([batch(4, to, step(9, product('b')))]);
          });
        });
        expect(await names()).toEqual(['a a', 'b b']);
      });

      test('go on where they were interrupted', async () => {
        await building(raised, (beside) => beside.apply([batch(0, 4, step(1, product('a')))]));
        await building(raised, async (beside) => {
          expect((await beside.checkpoints()).get('products')?.position as number).toBe(4);
          await beside.apply([batch(4, 9, step(5, product('b')))]);
          await beside.swap(['products'], none);
        });
        expect(await names()).toEqual(['a a', 'b b']);
      });

      test('begin anew when another version had begun them', async () => {
        await building(productsProjection, (beside) =>
          beside.apply([{ ...batch(0, 4, step(1, product('a'))), parked: [parkedAt(2)] }]),
        );
        await building(raised, async (beside) => {
          expect((await beside.checkpoints()).get('products')?.position as number).toBe(0);
          await beside.apply([batch(0, 9, step(1, product('a', 'anew')))]);
          await beside.swap(['products'], none);
        });
        expect(await names()).toEqual(['a anew']);
        expect(await opened.readModel.parked()).toEqual([]);
      });

      test('refuse what live ones refuse', async () => {
        await building(raised, async (beside) => {
          const twice = beside.apply([batch(0, 9, step(1, product('a')), step(2, product('a')))]);
          await expect(twice).rejects.toBeInstanceOf(UnappliableStep);
          const lost = beside.apply([batch(0, 9, step(1, remove(products, { id: 'old' })))]);
          await expect(lost).rejects.toBeInstanceOf(UnappliableStep);
        });
      });

      test('leave everything as it was when catching up fails', async () => {
        const before = await opened.dump();
        await building(raised, async (beside) => {
          await beside.apply([batch(0, 9, step(1, product('new')))]);
          const failing = beside.swap(['products'], () => Promise.reject(new Error('no')));
          await expect(failing).rejects.toThrow('no');
          expect(await opened.dump()).toEqual(before);
          await beside.swap(['products'], none);
        });
        expect(await names()).toEqual(['new new']);
      });
    });
  });
}
