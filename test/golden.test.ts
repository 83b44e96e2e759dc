import { describe, expect, test } from 'bun:test';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Value } from '@sinclair/typebox/value';
import { registry } from '../src/events/index.ts';
import type { StoredEvent } from '../src/kernel/event-log.ts';
import type { Keyring } from '../src/kernel/keyring.ts';

// One file for each shape in which an event has ever been stored. Files here are never edited:
// they stand for what lies in the logs of running systems.

type Golden = {
  readonly type: string;
  readonly schemaVersion: number;
  readonly stream: string;
  readonly data: Readonly<Record<string, unknown>>;
};

const folder = join(import.meta.dir, 'golden/events');
const shapes = registry.types.flatMap((type) =>
  Array.from({ length: registry.definitionOf(type).schemaVersion }, (_, index) => ({
    type,
    schemaVersion: index + 1,
    file: `${type}.v${index + 1}.json`,
  })),
);

/** Sealing has its own tests; here every field is open. */
const openKeyring: Keyring = {
  seal: async (_person, text) => text,
  opener: async () => (text) => text,
};

describe('the golden events', () => {
  test('are one for every event type and schema version', () => {
    expect(readdirSync(folder).toSorted()).toEqual(shapes.map(({ file }) => file).toSorted());
  });

  test.each(shapes)('$file is read as the event that the code knows today', async (shape) => {
    const golden = (await Bun.file(join(folder, shape.file)).json()) as Golden;
    expect(golden).toMatchObject({ type: shape.type, schemaVersion: shape.schemaVersion });

    const [event] = await registry.decode([stored(golden)], openKeyring);
    const { schema, schemaVersion } = registry.definitionOf(shape.type);
    expect([...Value.Errors(schema, event?.data)]).toEqual([]);
    if (shape.schemaVersion === schemaVersion) expect(event?.data).toEqual(golden.data);
  });
});

function stored({ type, schemaVersion, stream, data }: Golden): StoredEvent {
  return {
    position: 1,
    id: '0198c0de-0000-7000-8000-000000000001',
    stream,
    version: 1,
    type,
    schemaVersion,
    data: JSON.stringify(data),
    meta: '{}',
    time: '2026-01-01T00:00:00.000Z',
  } as unknown as StoredEvent;
}
