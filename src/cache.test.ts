import { afterEach, beforeEach, expect, test } from 'bun:test';
import pino from 'pino';
import { openCachedSide } from './cache.ts';
import { productStream } from './events/products.ts';
import type { AnswerCache, CachedAnswer } from './kernel/cached-reads.ts';
import type { Position } from './kernel/stream.ts';
import { createMemoryLog } from './storage/memory/event-log.ts';
import { keysInMemory } from './testing/keys.ts';
import { appendOf, newEvent } from './testing/log.ts';
import { until } from './testing/until.ts';

const at = (position: number) => position as Position;
const id = '01900000-0000-7000-8000-000000000000';

function answersInMemory(): AnswerCache {
  const answers = new Map<string, CachedAnswer>();
  return {
    get: async (key) => answers.get(key),
    has: async (key) => answers.has(key),
    put: async (key, answer) => void answers.set(key, answer),
  };
}

let close = async () => {};
afterEach(() => close());

/** A node that has been told of rows up to 1, beside rows of a product that another node moves on. */
async function node() {
  const log = createMemoryLog();
  const rows = { price: 1, position: 1 };
  let applied = at(0);
  const happens = () =>
    log.append([appendOf({ stream: productStream(id), expected: 'any', events: [newEvent()] })]);
  await happens();
  const side = openCachedSide(answersInMemory(), {
    log,
    keyring: keysInMemory().keyring(),
    queries: {
      products: {
        byIdAt: async () => ({ row: { price: rows.price }, position: rows.position, build: 'b' }),
      },
      users: {},
      checkpoints: {},
    },
    readSide: {
      progress: () => ({
        applied: at(1),
        positions: { products: at(1) },
        builds: { products: 'b' },
      }),
      onProgress() {},
    },
    appliedAtLeast: () => applied,
    enter() {},
    logger: pino({ level: 'silent' }),
  } as never);
  side.start();
  close = side.stop;
  const read = async () => {
    const { products } = side.queries as unknown as {
      products: { byId: (id: string) => Promise<{ price: number }> };
    };
    return (await products.byId(id)).price;
  };
  return {
    read,
    counts: side.counts!,
    /** Elsewhere, and this node has no hint of it. */
    async changesElsewhere(price: number) {
      await happens();
      Object.assign(rows, { price, position: rows.position + 1 });
    },
    letIn: (position: number) => (applied = at(position)),
  };
}

let own: Awaited<ReturnType<typeof node>>;
beforeEach(async () => {
  own = await node();
  await until(async () => {
    await own.read();
    return own.counts().hits > 0;
  });
});

test('a cached answer is given as long as it may hold', async () => {
  expect(await own.read()).toBe(1);
});

test('whoever was let in because rows have come further gets none that is older', async () => {
  await own.changesElsewhere(2);
  own.letIn(2);
  expect(await own.read()).toBe(2);
});
