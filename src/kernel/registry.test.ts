import { describe, expect, test } from 'bun:test';
import { Type } from '@sinclair/typebox';
import { createKeyEncryption, UnknownWrappingKey } from '../storage/key-encryption.ts';
import { keysInMemory } from '../testing/keys.ts';
import type { StoredEvent } from './event-log.ts';
import { erased, event, personal } from './event.ts';
import { SealBroken, UnknownPerson } from './keyring.ts';
import { createRegistry, InvalidEvent } from './registry.ts';
import { idOf, type Position, streamNamer, type Version } from './stream.ts';

const parcelStream = streamNamer('parcel');
const stream = parcelStream('ada');

const ParcelPosted = event('ParcelPosted', {
  grams: Type.Integer({ minimum: 1 }),
  note: Type.Optional(Type.String()),
});
const ParcelSigned = event(
  'ParcelSigned',
  { by: personal(Type.String()), at: personal(Type.String()), place: Type.String() },
  { person: ({ stream }) => idOf(stream) },
);

/** Its price was decimal text once, then a number, and is in cents now. */
const ParcelPriced = event(
  'ParcelPriced',
  { cents: Type.Integer() },
  {
    upcasters: [
      { from: 1, up: ({ price }) => ({ amount: Number(price) }) },
      { from: 2, up: ({ amount }) => ({ cents: Math.round(Number(amount) * 100) }) },
    ],
  },
);

const registry = createRegistry([ParcelPosted, ParcelSigned, ParcelPriced]);
const place = { id: 'event-1', stream };

function people(...ids: readonly string[]) {
  const keys = keysInMemory();
  for (const id of ids) keys.add(id);
  return keys;
}

function stored(type: string, data: unknown, rest: Partial<StoredEvent> = {}): StoredEvent {
  return {
    ...place,
    type,
    schemaVersion: 1,
    data: typeof data === 'string' ? data : JSON.stringify(data),
    position: 1 as Position,
    version: 1 as Version,
    meta: '{"actorId":"ada","correlationId":"c","causationId":"d"}',
    time: '2026-01-01T00:00:00.000Z',
    hash: '',
    ...rest,
  };
}

const failureOf = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error) => error,
  );

describe('declaring events', () => {
  test('is refused when two share one name', () => {
    expect(() => createRegistry([ParcelPosted, event('ParcelPosted', {})])).toThrow('share');
  });

  test('is refused when a personal field has nobody whose key encrypts it', () => {
    expect(() => event('ParcelLost', { owner: personal(Type.String()) })).toThrow('ParcelLost');
  });

  test('is refused when an upcaster is missing on the way to the present version', () => {
    const up = (data: object) => ({ ...data });
    expect(() => event('ParcelLost', {}, { upcasters: [{ from: 2, up }] })).toThrow(
      'from version 1',
    );
  });

  test('gives the schema version from the number of upcasters', () => {
    expect(registry.definitionOf('ParcelPosted').schemaVersion).toBe(1);
    expect(registry.definitionOf('ParcelPriced').schemaVersion).toBe(3);
  });
});

describe('encoding an event', () => {
  const encode = (type: string, data: object) =>
    registry.encode({ type, data }, place, people('ada').keyring());

  test('gives its JSON text at the present schema version', async () => {
    expect(await encode('ParcelPriced', { cents: 150 })).toEqual({
      id: 'event-1',
      type: 'ParcelPriced',
      schemaVersion: 3,
      data: '{"cents":150}',
    });
  });

  test.each([
    ['a value of another type', { grams: 'heavy' }, '/grams'],
    ['a value out of bounds', { grams: 0 }, '/grams'],
    ['a missing field', {}, '/grams'],
    ['a field nobody declared', { grams: 1, password: 'secret' }, '/password'],
  ])('is refused with %s', async (_, data, path) => {
    const failure = await failureOf(encode('ParcelPosted', data));
    expect(failure).toBeInstanceOf(InvalidEvent);
    expect(failure.type).toBe('ParcelPosted');
    expect(failure.problem).toStartWith(path);
  });

  test('is refused for a type nobody declared', async () => {
    expect(await failureOf(encode('ParcelEaten', {}))).toBeInstanceOf(InvalidEvent);
  });

  test('is refused for a person without a key', async () => {
    const data = { by: 'Grace', at: 'the door', place: 'Oslo' };
    const encoding = registry.encode({ type: 'ParcelSigned', data }, place, people().keyring());
    expect(await failureOf(encoding)).toBeInstanceOf(UnknownPerson);
  });
});

describe('a personal field', () => {
  const data = { by: 'Grace Hopper', at: 'the back door', place: 'Oslo' };
  const seal = (keyring = people('ada').keyring(), at = place) =>
    registry.encode({ type: 'ParcelSigned', data }, at, keyring);

  test('stands in the log as ciphertext only, and other fields as they are', async () => {
    const sealed = JSON.parse((await seal()).data);
    expect(sealed.place).toBe('Oslo');
    for (const text of [sealed.by, sealed.at]) expect(text).toMatch(/^v1:key-of-ada:/);
    for (const plain of ['Grace', 'Hopper', 'back door']) {
      for (const encoding of ['utf8', 'base64', 'base64url', 'hex'] as const) {
        expect(JSON.stringify(sealed)).not.toContain(Buffer.from(plain).toString(encoding));
      }
    }
  });

  test('is never sealed twice into the same text', async () => {
    const keyring = people('ada').keyring();
    const texts = [await seal(keyring), await seal(keyring)].map((one) => JSON.parse(one.data).by);
    expect(texts[0]).not.toBe(texts[1]);
  });

  test('comes back as it was', async () => {
    const keys = people('ada');
    const sealed = stored('ParcelSigned', (await seal(keys.keyring())).data);
    expect((await registry.decode([sealed], keys.keyring()))[0]!.data).toEqual(data);
  });

  test('comes back erased once its key is gone', async () => {
    const keys = people('ada');
    const sealed = stored('ParcelSigned', (await seal(keys.keyring())).data);
    keys.remove('ada');
    const [read] = await registry.decode([sealed], keys.keyring());
    expect(read!.data).toEqual({ by: erased, at: erased, place: 'Oslo' });
  });

  test('does not open with another secret than it was wrapped with', async () => {
    const keys = people('ada');
    const sealed = stored('ParcelSigned', (await seal(keys.keyring())).data);
    const other = keys.keyring(createKeyEncryption(['another secret of this test, just here']));
    expect(await failureOf(registry.decode([sealed], other))).toBeInstanceOf(UnknownWrappingKey);
  });

  const moved: Record<string, (sealed: StoredEvent) => StoredEvent> = {
    'to another event': (sealed) => ({ ...sealed, id: 'event-2' }),
    'to another stream': (sealed) => ({ ...sealed, stream: parcelStream('bob') }),
    'to another field': (sealed) => {
      const { by, at, place } = JSON.parse(sealed.data);
      return { ...sealed, data: JSON.stringify({ by: at, at: by, place }) };
    },
  };

  test.each(Object.entries(moved))('does not open when it is moved %s', async (_, move) => {
    const keys = people('ada');
    const sealed = stored('ParcelSigned', (await seal(keys.keyring())).data);
    const reading = registry.decode([move(sealed)], keys.keyring());
    expect(await failureOf(reading)).toBeInstanceOf(SealBroken);
  });

  const altered: Record<string, (text: string) => string> = {
    'one character changed': (text) =>
      text.slice(0, -6) + (text.at(-6) === 'A' ? 'B' : 'A') + text.slice(-5),
    'its end cut off': (text) => text.slice(0, -8),
    'almost everything cut off': (text) => text.slice(0, text.lastIndexOf(':') + 7),
    'no ciphertext': (text) => text.slice(0, text.lastIndexOf(':') + 1),
    'plaintext in its place': () => 'Grace Hopper',
  };

  test.each(Object.entries(altered))('does not open with %s', async (_, alter) => {
    const keys = people('ada');
    const { by, ...rest } = JSON.parse((await seal(keys.keyring())).data);
    const forged = stored('ParcelSigned', { ...rest, by: alter(by) });
    const reading = registry.decode([forged], keys.keyring());
    expect(await failureOf(reading)).toBeInstanceOf(SealBroken);
  });

  test.each([[null], [5], [true], [{}], [[]]])(
    'is not what stands in its place: %j',
    async (other) => {
      const keys = people('ada');
      const { by, ...rest } = JSON.parse((await seal(keys.keyring())).data);
      for (const data of [{ ...rest, by: other }, { by: other }]) {
        const reading = registry.decode([stored('ParcelSigned', data)], keys.keyring());
        expect(await failureOf(reading)).toBeInstanceOf(SealBroken);
      }
      expect(by).toStartWith('v1:');
    },
  );
});

describe('decoding an event', () => {
  const { keyring } = people('ada');

  test('gives its place, time and metadata', async () => {
    const [read] = await registry.decode([stored('ParcelPosted', { grams: 5 })], keyring());
    const { meta, ...rest } = read!;
    expect(meta).toEqual({ actorId: 'ada', correlationId: 'c', causationId: 'd' });
    expect(rest as object).toMatchObject({
      position: 1,
      id: 'event-1',
      stream,
      version: 1,
      type: 'ParcelPosted',
      time: '2026-01-01T00:00:00.000Z',
      data: { grams: 5 },
    });
  });

  test.each([
    [1, { price: '1.50' }],
    [2, { amount: 1.5 }],
    [3, { cents: 150 }],
  ])('of schema version %i gives its present shape', async (schemaVersion, data) => {
    const [read] = await registry.decode(
      [stored('ParcelPriced', data, { schemaVersion })],
      keyring(),
    );
    expect(read!.data).toEqual({ cents: 150 });
  });

  test('of a schema version that this code does not know yet is refused', async () => {
    const newer = stored('ParcelPriced', { euros: 1.5 }, { schemaVersion: 4 });
    expect(await failureOf(registry.decode([newer], keyring()))).toBeInstanceOf(InvalidEvent);
  });

  test('fetches the keys of a page at once, whoever they belong to', async () => {
    const keys = people('ada', 'bob');
    const page = [];
    for (const id of ['ada', 'bob']) {
      const at = { id: `event-of-${id}`, stream: parcelStream(id) };
      const data = { by: id, at: 'noon', place: 'Oslo' };
      const { data: text } = await registry.encode(
        { type: 'ParcelSigned', data },
        at,
        keys.keyring(),
      );
      page.push(stored('ParcelSigned', text, at));
    }
    const read = await registry.decode(page, keys.keyring());
    expect(read.map(({ data }) => (data as { by: unknown }).by)).toEqual(['ada', 'bob']);
  });

  test.each([
    ['of an unknown type', stored('ParcelEaten', {})],
    ['that is no JSON', stored('ParcelPosted', '{"grams":')],
    ['with personal fields that is no JSON', stored('ParcelSigned', '{"by":')],
    ['with personal fields that is no object', stored('ParcelSigned', 'null')],
  ])('%s fails for itself and not for its page', async (_, broken) => {
    const good = stored('ParcelPosted', { grams: 5 });
    const decode = await registry.decoder([broken, good], keyring());
    expect(decode(good).data).toEqual({ grams: 5 });
    expect(() => decode(broken)).toThrow();
  });
});
