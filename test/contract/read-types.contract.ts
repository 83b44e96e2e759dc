import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import type { EventLog } from '../../src/kernel/event-log.ts';
import type { Position } from '../../src/kernel/stream.ts';
import { appendOf, newEvent, streamOf } from '../../src/testing/log.ts';
import type { OpenedLog } from './event-log.contract.ts';

const at = (position: number) => position as Position;

/** What every engine promises of reading some types of events; see src/kernel/event-log.ts. */
export function readTypesContract(engine: string, open: () => Promise<OpenedLog> | OpenedLog) {
  describe(`reading some types from the log (${engine})`, () => {
    let log: EventLog;
    let close: OpenedLog['close'];

    beforeEach(async () => {
      ({ log, close } = await open());
      const events = ['Left', 'Up', 'Right', 'Left'].map((type) => newEvent({}, type));
      await log.append([appendOf({ stream: streamOf('a'), expected: 'none', events })]);
    });

    afterEach(() => close());

    const found = async (types: readonly string[], after: number, to = 9, limit = 9) =>
      (await log.readTypes(types, { after: at(after), to: at(to), limit })).map(
        ({ position }) => position as number,
      );

    test('gives those in the order of the log', async () => {
      expect(await found(['Right', 'Left'], 0)).toEqual([1, 3, 4]);
      expect(await found(['Left'], 0)).toEqual([1, 4]);
    });

    test('gives those behind one position and up to another', async () => {
      expect(await found(['Left'], 1)).toEqual([4]);
      expect(await found(['Left'], 0, 3)).toEqual([1]);
      expect(await found(['Left'], 1, 3)).toEqual([]);
      expect(await found(['Left'], 0, 4)).toEqual([1, 4]);
    });

    test('gives no more than the limit', async () => {
      expect(await found(['Right', 'Left'], 0, 9, 2)).toEqual([1, 3]);
    });

    test('takes a type as it is written, and none for none', async () => {
      expect(await found(['left', "Left') OR ('1'='1"], 0)).toEqual([]);
      expect(await found([], 0)).toEqual([]);
    });

    test('gives whole events', async () => {
      const all = await log.readAll(at(0), 9);
      expect(await log.readTypes(['Up'], { after: at(0), to: at(9), limit: 9 })).toEqual([all[1]!]);
    });
  });
}
