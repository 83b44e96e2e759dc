import { describe, expect, test } from 'bun:test';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Value } from '@sinclair/typebox/value';
import { registry } from '../src/events/index.ts';
import { chainText } from '../src/kernel/chain.ts';
import type { StoredEvent } from '../src/kernel/event-log.ts';
import { erased } from '../src/kernel/event.ts';
import type { WrappedKey } from '../src/kernel/vault.ts';
import { createKeyEncryption } from '../src/storage/key-encryption.ts';
import { createKeyring } from '../src/storage/keyring.ts';
import { sha256 } from '../src/storage/sha256.ts';

// One file for each shape in which an event has ever been stored. Files here are never edited:
// they stand for what lies in the logs of running systems, with seals and hashes.

type Golden = {
  /** The row as it lies in the log. */
  readonly stored: StoredEvent;
  readonly previousHash: string;
  /** The stored data with its personal fields open. */
  readonly data: Readonly<Record<string, unknown>>;
};

type Keys = { readonly secret: string; readonly keys: readonly WrappedKey[] };

const folder = join(import.meta.dir, 'golden');
const shapes = registry.types.flatMap((type) =>
  Array.from({ length: registry.definitionOf(type).schemaVersion }, (_, index) => ({
    type,
    schemaVersion: index + 1,
    file: `${type}.v${index + 1}.json`,
  })),
);

const { secret, keys } = (await Bun.file(join(folder, 'keys.json')).json()) as Keys;

function keyring(known: readonly WrappedKey[]) {
  const source = {
    keyOf: async (personId: string) => known.find((key) => key.personId === personId),
    keysById: async (ids: readonly string[]) => known.filter(({ keyId }) => ids.includes(keyId)),
  };
  return createKeyring(source, createKeyEncryption([secret]));
}

async function goldenOf(file: string) {
  return (await Bun.file(join(folder, 'events', file)).json()) as Golden;
}

describe('the golden events', () => {
  test('are one for every event type and schema version', () => {
    const files = readdirSync(join(folder, 'events'));
    expect(files.toSorted()).toEqual(shapes.map(({ file }) => file).toSorted());
  });

  test.each(shapes)('$file is read as the event that the code knows today', async (shape) => {
    const { stored, data } = await goldenOf(shape.file);
    expect(stored).toMatchObject({ type: shape.type, schemaVersion: shape.schemaVersion });

    const [event] = await registry.decode([stored], keyring(keys));
    const { schema, schemaVersion } = registry.definitionOf(shape.type);
    expect([...Value.Errors(schema, event?.data)]).toEqual([]);
    if (shape.schemaVersion === schemaVersion) expect(event?.data).toEqual(data);
    expect(event?.meta).toEqual(JSON.parse(stored.meta));
  });

  test.each(shapes)('$file shows nothing personal without its key', async (shape) => {
    const { stored } = await goldenOf(shape.file);
    const [event] = await registry.decode([stored], keyring([]));
    const fields = event!.data as Readonly<Record<string, unknown>>;
    const { personalFields } = registry.definitionOf(shape.type);
    for (const field of personalFields) {
      if (fields[field] !== undefined) expect(fields[field]).toBe(erased);
    }
  });

  test.each(shapes)('$file has the hash that the chain gives it', async (shape) => {
    const { stored, previousHash } = await goldenOf(shape.file);
    expect(sha256(chainText(previousHash, stored))).toBe(stored.hash);
  });
});
