import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { chainStart, verifyChain } from '../../src/kernel/chain.ts';
import type { AppendOutcome, Claim, EventLog, StoredEvent } from '../../src/kernel/event-log.ts';
import { logStart, noEvents, type Position, type Version } from '../../src/kernel/stream.ts';
import { sha256 } from '../../src/storage/sha256.ts';
import { appendOf, newEvent, streamOf, write } from '../../src/testing/log.ts';

export type OpenedLog = {
  readonly log: EventLog;
  readonly close: () => Promise<void> | void;
};

const all = 1_000;
const at = (position: number) => position as Position;

/** What every engine promises; see src/kernel/event-log.ts. */
export function eventLogContract(engine: string, open: () => Promise<OpenedLog> | OpenedLog) {
  describe(`the event log (${engine})`, () => {
    let log: EventLog;
    let close: OpenedLog['close'];

    beforeEach(async () => {
      ({ log, close } = await open());
    });

    afterEach(() => close());

    const append = async (...given: Parameters<typeof appendOf>) =>
      (await log.append([appendOf(...given)]))[0]!;
    const everything = () => log.readAll(logStart, all);
    const claim = (value: string, holder: string, kind = 'email'): Claim => ({
      kind,
      key: value,
      stream: streamOf(holder),
    });

    describe('without events', () => {
      test('has its head at 0 and nothing to read', async () => {
        expect(await log.head()).toBe(logStart);
        expect(await everything()).toEqual([]);
        expect(await log.readBack(at(1), all)).toEqual([]);
        expect(await log.readStream(streamOf('a'), noEvents, all)).toEqual([]);
        expect(await log.holderOf('email', 'ada')).toBeUndefined();
      });

      test('takes a batch without appends', async () => {
        expect(await log.append([])).toEqual([]);
      });
    });

    describe('an append', () => {
      test('gets contiguous positions from 1, in the order of the commits', async () => {
        await log.append([appendOf(write('a', 2)), appendOf(write('b'))]);
        await log.append([appendOf(write('a'))]);
        const events = await everything();
        expect(places(events)).toEqual(['1 test-a 1', '2 test-a 2', '3 test-b 1', '4 test-a 3']);
        expect(await log.head()).toBe(at(4));
      });

      test('is read back as it was given', async () => {
        const event = newEvent({ text: 'Grüße, 世界 🌍 "quoted"\nand broken' }, 'Greeted');
        const writes = { stream: streamOf('a'), expected: 'none' as const, events: [event] };
        const meta = '{"actorId":"ada"}';
        await append(writes, { meta, time: '2026-03-04T05:06:07.008Z' });
        expect(await everything()).toEqual([
          {
            ...event,
            stream: streamOf('a'),
            position: at(1),
            version: 1 as Version,
            meta,
            time: '2026-03-04T05:06:07.008Z',
            hash: expect.stringMatching(/^[0-9a-f]{64}$/),
          },
        ]);
      });

      test('answers the last position, and the version of its first stream', async () => {
        await append(write('a', 2));
        const outcome = await append([write('a', 3), write('b', 1)]);
        expect(outcome).toEqual({
          ok: true,
          isRepeated: false,
          position: at(6),
          stream: streamOf('a'),
          version: 5 as Version,
          time: '2026-01-01T00:00:00.000Z',
        });
      });

      test('of several streams is stored whole', async () => {
        await append([write('a', 2), write('b', 1), write('c', 1)]);
        const streams = ['test-a 1', 'test-a 2', 'test-b 1', 'test-c 1'];
        expect(places(await everything()).map((place) => place.slice(2))).toEqual(streams);
      });

      test('of several streams is refused whole when one is not as expected', async () => {
        await append(write('b'));
        const outcome = await append([write('a', 2), write('b', 1, 'none'), write('c')], {
          commandId: 'refused',
          take: [claim('ada', 'a')],
        });
        expect(outcome).toMatchObject({ ok: false, reason: 'version', stream: streamOf('b') });
        expect(await log.head()).toBe(at(1));
        expect(await log.holderOf('email', 'ada')).toBeUndefined();
        const again = await append(write('a'), { commandId: 'refused' });
        expect(again).toMatchObject({ ok: true, isRepeated: false });
      });

      test('without events only checks the version of its stream', async () => {
        await append(write('a', 2));
        const right = await append([write('b'), write('a', 0, 2 as Version)]);
        expect(right).toMatchObject({ ok: true, version: 1, position: 3 });
        const wrong = await append([write('b'), write('a', 0, 1 as Version)]);
        expect(wrong).toMatchObject({ ok: false, stream: streamOf('a'), actual: 2 });
        expect(places(await everything()).at(-1)).toBe('3 test-b 1');
      });
    });

    describe('the expected version', () => {
      const cases = [
        { expected: 'any', onNone: true, onTwo: true },
        { expected: 'none', onNone: true, onTwo: false },
        { expected: 'exists', onNone: false, onTwo: true },
        { expected: 0 as Version, onNone: true, onTwo: false },
        { expected: 1 as Version, onNone: false, onTwo: false },
        { expected: 2 as Version, onNone: false, onTwo: true },
        { expected: 3 as Version, onNone: false, onTwo: false },
        { expected: -1 as Version, onNone: false, onTwo: false },
        { expected: -2 as Version, onNone: false, onTwo: false },
      ] as const;

      test.each(cases)('$expected is enforced', async ({ expected, onNone, onTwo }) => {
        await append(write('two', 2));
        const outcomes = [
          await append(write('none', 1, expected)),
          await append(write('two', 1, expected)),
        ];
        expect(outcomes.map(({ ok }) => ok)).toEqual([onNone, onTwo]);
        for (const [index, outcome] of outcomes.entries()) {
          if (outcome.ok) continue;
          const [stream, actual] = index === 0 ? [streamOf('none'), 0] : [streamOf('two'), 2];
          expect(outcome).toEqual({
            ok: false,
            reason: 'version',
            stream,
            expected,
            actual,
          } as never);
        }
        expect(await log.head()).toBe(at(2 + Number(onNone) + Number(onTwo)));
      });

      test('is judged after the earlier appends of the same batch', async () => {
        const outcomes = await log.append([
          appendOf(write('a', 1, 'none')),
          appendOf(write('a', 1, 'none')),
          appendOf(write('a', 1, 1 as Version)),
        ]);
        expect(outcomes.map(({ ok }) => ok)).toEqual([true, false, true]);
        expect(places(await everything())).toEqual(['1 test-a 1', '2 test-a 2']);
      });

      test('lets one of many simultaneous writers through', async () => {
        const writers = Array.from({ length: 20 }, () => append(write('a', 1, 'none')));
        const outcomes = await Promise.all(writers);
        expect(outcomes.filter(({ ok }) => ok)).toHaveLength(1);
        expect(await log.head()).toBe(at(1));
      });
    });

    describe('a batch', () => {
      test('has its neighbours spoiled neither by refused nor by repeated appends', async () => {
        await append(write('a'), { commandId: 'first', take: [claim('ada', 'a')] });
        const outcomes = await log.append([
          appendOf(write('b')),
          appendOf(write('a', 5, 'none')),
          appendOf(write('c', 5), { take: [claim('ada', 'c')] }),
          appendOf(write('a', 5), { commandId: 'first' }),
          appendOf(write('d', 2)),
        ]);
        expect(outcomes.map(kindOf)).toEqual(['ok', 'version', 'claim-taken', 'repeated', 'ok']);
        const expected = ['1 test-a 1', '2 test-b 1', '3 test-d 1', '4 test-d 2'];
        expect(places(await everything())).toEqual(expected);
      });
    });

    describe('a claim', () => {
      test('belongs to the stream that took it', async () => {
        await append(write('a'), { take: [claim('ada', 'a')] });
        expect(await log.holderOf('email', 'ada')).toBe(streamOf('a'));
        expect(await log.holderOf('sku', 'ada')).toBeUndefined();
        expect(await log.holderOf('email', 'bob')).toBeUndefined();
      });

      test('is refused to another stream, and nothing of that append is stored', async () => {
        await append(write('a'), { take: [claim('ada', 'a')] });
        const outcome = await append(write('b'), {
          commandId: 'late',
          take: [claim('new', 'b'), claim('ada', 'b')],
        });
        expect(outcome).toEqual({ ok: false, reason: 'claim-taken', kind: 'email' });
        expect(await log.head()).toBe(at(1));
        expect(await log.holderOf('email', 'new')).toBeUndefined();
        expect(await append(write('b'), { commandId: 'late' })).toMatchObject({ ok: true });
      });

      test('of another kind is another claim', async () => {
        await append(write('a'), { take: [claim('x', 'a', 'email')] });
        const outcome = await append(write('b'), { take: [claim('x', 'b', 'sku')] });
        expect(outcome.ok).toBe(true);
      });

      test('may be taken again by the stream that holds it', async () => {
        await append(write('a'), { take: [claim('ada', 'a')] });
        expect((await append(write('a'), { take: [claim('ada', 'a')] })).ok).toBe(true);
        expect(await log.holderOf('email', 'ada')).toBe(streamOf('a'));
      });

      test('goes to the first of two in one batch', async () => {
        const outcomes = await log.append([
          appendOf(write('a'), { take: [claim('ada', 'a')] }),
          appendOf(write('b'), { take: [claim('ada', 'b')] }),
        ]);
        expect(outcomes.map(kindOf)).toEqual(['ok', 'claim-taken']);
      });

      test('is free once it is released', async () => {
        await append(write('a'), { take: [claim('ada', 'a')] });
        const release = { ...claim('ada', 'a'), keepsOne: false };
        await log.append([
          appendOf(write('a'), { release: [release] }),
          appendOf(write('b'), { take: [claim('ada', 'b')] }),
        ]);
        expect(await log.holderOf('email', 'ada')).toBe(streamOf('b'));
      });

      test('is not released by a stream that does not hold it', async () => {
        await append(write('a'), { take: [claim('ada', 'a')] });
        const release = { ...claim('ada', 'b'), keepsOne: false };
        expect((await append(write('b'), { release: [release] })).ok).toBe(true);
        expect(await log.holderOf('email', 'ada')).toBe(streamOf('a'));
      });

      test('can be exchanged for another in one append', async () => {
        await append(write('a'), { take: [claim('old', 'a')] });
        await append(write('a'), {
          take: [claim('new', 'a')],
          release: [{ ...claim('old', 'a'), keepsOne: false }],
        });
        expect(await log.holderOf('email', 'old')).toBeUndefined();
        expect(await log.holderOf('email', 'new')).toBe(streamOf('a'));
      });
    });

    describe('the last claim of a kind', () => {
      const seat = (holder: string) => claim(holder, holder, 'admin');
      const leave = (holder: string) => ({ release: [{ ...seat(holder), keepsOne: true }] });

      test('is kept when the release asks for one to stay', async () => {
        await append(write('a'), { take: [seat('a'), claim('other-kind', 'a')] });
        const outcome = await append(write('a'), leave('a'));
        expect(outcome).toEqual({ ok: false, reason: 'last-claim', kind: 'admin' });
        expect(await log.holderOf('admin', 'a')).toBe(streamOf('a'));
        expect(await log.head()).toBe(at(1));
      });

      test('is any of two when both leave in one batch', async () => {
        await append([write('a'), write('b')], { take: [seat('a'), seat('b')] });
        const both = [appendOf(write('a'), leave('a')), appendOf(write('b'), leave('b'))];
        expect((await log.append(both)).map(kindOf)).toEqual(['ok', 'last-claim']);
        expect(await log.holderOf('admin', 'b')).toBe(streamOf('b'));
      });
    });

    describe('a command id', () => {
      test('repeats the first outcome and stores nothing', async () => {
        const first = await append(write('a', 2), { commandId: 'once' });
        await append(write('b'), { time: '2026-05-05T00:00:00.000Z' });
        const again = await append(write('a', 2), { commandId: 'once' });
        expect(again).toEqual({ ...first, isRepeated: true } as AppendOutcome);
        expect(await log.head()).toBe(at(3));
      });

      test('is asked before versions and claims', async () => {
        const first = { commandId: 'once', take: [claim('ada', 'a')] };
        await append(write('a', 1, 'none'), first);
        expect(kindOf(await append(write('a', 1, 'none'), first))).toBe('repeated');
        const others = { commandId: 'once', take: [claim('ada', 'b')] };
        expect(kindOf(await append(write('b', 1, 'exists'), others))).toBe('repeated');
      });

      test('answers with the stream that the first append wrote', async () => {
        await append(write('a'), { commandId: 'once' });
        const again = await append(write('b', 3), { commandId: 'once' });
        expect(again).toMatchObject({ isRepeated: true, stream: streamOf('a'), version: 1 });
      });

      test('is refused with another command', async () => {
        const asked = { commandId: 'once', fingerprint: 'this' };
        const first = await append(write('a'), asked);
        const other = await append(write('b'), { ...asked, fingerprint: 'that' });
        expect(other).toEqual({ ok: false, reason: 'command-reused' });
        expect(await append(write('a'), asked)).toEqual({
          ...first,
          isRepeated: true,
        } as AppendOutcome);
        expect(await log.head()).toBe(at(1));
      });

      test('repeats within one batch', async () => {
        const twice = [write('a'), write('a')].map((one) => appendOf(one, { commandId: 'once' }));
        expect((await log.append(twice)).map(kindOf)).toEqual(['ok', 'repeated']);
        expect(await log.head()).toBe(at(1));
      });

      test('that was refused may come again', async () => {
        await append(write('a', 1, 'exists'), { commandId: 'once' });
        await append(write('a'));
        const again = await append(write('a', 1, 'exists'), { commandId: 'once' });
        expect(kindOf(again)).toBe('ok');
      });
    });

    describe('time', () => {
      test('never runs backwards from one event to the next', async () => {
        const times = ['2026-02-01', '2026-01-01', '2026-03-01', '2026-02-15'];
        const outcomes = [];
        for (const day of times) {
          outcomes.push(await append(write('a'), { time: `${day}T00:00:00.000Z` }));
        }
        const kept = ['2026-02-01', '2026-02-01', '2026-03-01', '2026-03-01'];
        const events = await everything();
        expect(events.map(({ time }) => time.slice(0, 10))).toEqual(kept);
        expect(outcomes.map((one) => one.ok && one.time.slice(0, 10))).toEqual(kept);
      });

      test('never runs backwards within a batch', async () => {
        await log.append([
          appendOf(write('a'), { time: '2026-02-01T00:00:00.000Z' }),
          appendOf(write('b'), { time: '2026-01-01T00:00:00.000Z' }),
        ]);
        const days = (await everything()).map(({ time }) => time.slice(0, 10));
        expect(days).toEqual(['2026-02-01', '2026-02-01']);
      });

      test('is not moved by an append that is refused', async () => {
        await append(write('a', 1, 'exists'), { time: '2030-01-01T00:00:00.000Z' });
        expect(await append(write('a'))).toMatchObject({ time: '2026-01-01T00:00:00.000Z' });
      });
    });

    describe('reading', () => {
      beforeEach(async () => {
        await log.append([appendOf(write('a', 3)), appendOf(write('b', 2)), appendOf(write('a'))]);
      });

      test('a stream gives versions above the one named, oldest first, up to the limit', async () => {
        const versions = async (after: number, limit: number) =>
          (await log.readStream(streamOf('a'), after as Version, limit)).map(
            ({ version }) => version as number,
          );
        expect(await versions(0, all)).toEqual([1, 2, 3, 4]);
        expect(await versions(0, 2)).toEqual([1, 2]);
        expect(await versions(2, 1)).toEqual([3]);
        expect(await versions(3, all)).toEqual([4]);
        expect(await versions(4, all)).toEqual([]);
        expect(await versions(99, all)).toEqual([]);
      });

      test('a stream gives no other stream, not even one whose name it begins', async () => {
        await append(write('a-longer'));
        const events = await log.readStream(streamOf('a'), noEvents, all);
        expect(new Set(events.map(({ stream }) => stream))).toEqual(new Set([streamOf('a')]));
        expect(events.map(({ position }) => position as number)).toEqual([1, 2, 3, 6]);
      });

      test('forwards gives positions above the one named, up to the limit', async () => {
        const positions = async (after: number, limit: number) =>
          (await log.readAll(at(after), limit)).map(({ position }) => position as number);
        expect(await positions(0, all)).toEqual([1, 2, 3, 4, 5, 6]);
        expect(await positions(0, 2)).toEqual([1, 2]);
        expect(await positions(4, 1)).toEqual([5]);
        expect(await positions(6, all)).toEqual([]);
        expect(await positions(99, all)).toEqual([]);
      });

      test('backwards gives positions below the one named, newest first, up to the limit', async () => {
        const positions = async (before: number, limit: number) =>
          (await log.readBack(at(before), limit)).map(({ position }) => position as number);
        expect(await positions(7, all)).toEqual([6, 5, 4, 3, 2, 1]);
        expect(await positions(7, 2)).toEqual([6, 5]);
        expect(await positions(3, 1)).toEqual([2]);
        expect(await positions(1, all)).toEqual([]);
        expect(await positions(99, 2)).toEqual([6, 5]);
      });
    });

    describe('the hash chain', () => {
      test('holds over appends, batches and refusals', async () => {
        await log.append([appendOf(write('a', 3)), appendOf(write('a', 1, 'none'))]);
        await append([write('b', 2), write('c')], { meta: '{"actorId":"ada"}' });
        const events = await everything();
        const last = verifyChain(events, { position: 0, hash: chainStart }, sha256);
        expect(last).toBe(events.at(-1)!.hash);
        expect(new Set(events.map(({ hash }) => hash)).size).toBe(6);
      });

      test('is the same on every engine', async () => {
        for (const batch of fixedBatches()) await log.append(batch);
        const hashes = (await everything()).map(({ hash }) => hash);
        expect(hashes).toHaveLength(5);
        expect(hashes.at(-1)).toBe(
          '63708fc25655cbca9036ddc823c32554814414d0b78d4a3271db41402db8fdfd',
        );
      });
    });
  });
}

function places(events: readonly StoredEvent[]) {
  return events.map(({ position, stream, version }) => `${position} ${stream} ${version}`);
}

function kindOf(outcome: AppendOutcome) {
  if (!outcome.ok) return outcome.reason;
  return outcome.isRepeated ? 'repeated' : 'ok';
}

/** The same input at any time: its last hash is written down above. */
function fixedBatches() {
  let events = 0;
  const fixed = (id: string, count: number) => ({
    ...write(id, 0),
    events: Array.from({ length: count }, () => {
      events += 1;
      const data = JSON.stringify({ events, text: 'Grüße 🌍' });
      return { id: `fixed-${events}`, type: 'Fixed', schemaVersion: events, data };
    }),
  });
  return [
    [appendOf(fixed('a', 2), { time: '2026-02-01T00:00:00.000Z' })],
    [appendOf([fixed('b', 1), fixed('a', 1)]), appendOf(fixed('c', 1), { meta: '{}' })],
  ];
}
