import { describe, expect, test } from 'bun:test';
import pino from 'pino';
import { readConfig } from './config.ts';
import { type ImagesParts, openImages } from './images.ts';
import type { Progress } from './kernel/progress.ts';
import type { Position } from './kernel/stream.ts';

const parked = {
  position: 1 as Position,
  stream: 'product-1',
  type: 'ProductImageAttached',
  time: '2026-01-01T00:00:00.000Z',
  reason: 'its own',
};

const sqlite = readConfig({}).database;
const postgres = readConfig({ DATABASE_URL: 'postgres://127.0.0.1/refold' }).database;
const s3 = {
  endpoint: 'http://127.0.0.1',
  region: 'us-east-1',
  bucket: 'images',
  accessKeyId: 'a',
  secretAccessKey: 's',
};

type Opened = {
  readonly config?: Partial<ImagesParts['config']>;
  readonly told?: Partial<Progress>;
  readonly isThere?: boolean;
};

function open({ config, told, isThere = true }: Opened) {
  const nothing = { positions: {}, builds: {}, outdated: [], overtaken: [], parked: [] };
  const progress = { applied: 7 as Position, ...nothing, ...told };
  const log: string[] = [];
  const images = openImages({
    config: { s3: undefined, dataDirectory: '/nowhere', database: sqlite, ...config },
    digest: (kind, value) => kind + value,
    head: async () => 7 as Position,
    readSide: { reached: async () => isThere, progress: () => progress },
    queries: { products: undefined as never },
    enter: () => {},
    logger: pino({ level: 'warn' }, { write: (line) => void log.push(line) }),
  });
  return { ...images, log };
}

/** Asks whether the read model shows every image, given what the projector tells of itself. */
async function isComplete(told: Partial<Progress>, isThere = true): Promise<boolean> {
  const images = open({ told, isThere });
  try {
    return await images.sweeping.isComplete();
  } finally {
    images.stop();
  }
}

describe('the read model shows every image', () => {
  test('once it has come to the end of the log', async () => {
    expect(await isComplete({})).toBe(true);
    expect(await isComplete({}, false)).toBe(false);
  });

  test('unless events of products are parked', async () => {
    const parkedFor = (projection: string) => [{ ...parked, projection }] as never;
    expect(await isComplete({ parked: parkedFor('products') })).toBe(false);
    expect(await isComplete({ parked: parkedFor('users') })).toBe(true);
  });

  test('unless an older version of its projection has made its rows', async () => {
    expect(await isComplete({ outdated: ['products'] })).toBe(false);
    expect(await isComplete({ outdated: ['users'] })).toBe(true);
  });
});

describe('images', () => {
  test.each([
    ['warn where other nodes would not have them', { database: postgres }, 1],
    ['say nothing where there is one node', { database: sqlite }, 0],
    ['say nothing where they lie in S3', { database: postgres, s3 }, 0],
  ])('%s', (_, config, lines) => {
    const images = open({ config });
    images.stop();
    expect(images.log).toHaveLength(lines);
  });
});
