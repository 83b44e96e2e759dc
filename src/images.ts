// Wires the images of products: where their bytes lie, by which addresses they are fetched, and their sweep.
import { join } from 'node:path';
import type { Logger } from 'pino';
import { createSignedPaths } from './auth/signed-paths.ts';
import type { Config } from './config.ts';
import { createImages } from './http/images.ts';
import { type ImageSweepParts, sweepRegularly } from './image-sweep.ts';
import type { Blobs } from './kernel/blobs.ts';
import type { Position } from './kernel/stream.ts';
import { productsProjection } from './projections/products.ts';
import type { Queries } from './queries/index.ts';
import type { ReadSide } from './read-side.ts';
import { createLocalBlobs } from './storage/files/local.ts';
import { createS3Blobs } from './storage/files/s3.ts';

const waitMsMax = 2_000;

export type ImagesParts = {
  readonly config: Pick<Config, 's3' | 'dataDirectory' | 'database'>;
  readonly digest: (kind: string, value: string) => string;
  readonly head: () => Promise<Position>;
  readonly readSide: Pick<ReadSide, 'reached' | 'progress'>;
  readonly queries: Pick<Queries, 'products'>;
  /** To be called right before a query reads. */
  readonly enter: () => void;
  readonly logger: Logger;
};

export function openImages(parts: ImagesParts) {
  const { config, digest, logger } = parts;
  if (!config.s3 && config.database.engine === 'postgres') {
    logger.warn('S3_* is not set: images lie in the files of this node, and no other has them');
  }
  const blobs = config.s3
    ? createS3Blobs(config.s3)
    : createLocalBlobs(join(config.dataDirectory, 'images'));
  const sweeping = sweepPartsOf(parts, blobs);
  return {
    ...createImages(blobs, createSignedPaths(digest, Date.now)),
    sweeping,
    stop: sweepRegularly(sweeping, logger),
  };
}

function sweepPartsOf({ head, readSide, queries, enter }: ImagesParts, blobs: Blobs) {
  const { name } = productsProjection;
  return {
    blobs,
    async isComplete() {
      const isThere = await readSide.reached(await head(), waitMsMax);
      const { parked, outdated } = readSide.progress();
      const isWhole = !parked.some(({ projection }) => projection === name);
      return isThere && isWhole && !outdated.includes(name);
    },
    isShown(key) {
      enter();
      return queries.products.hasImage(key);
    },
    now: Date.now,
  } satisfies ImageSweepParts;
}
