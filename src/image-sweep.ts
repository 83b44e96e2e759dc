// Removes the bytes of images that no product shows: of products that are gone, of images that were replaced,
// and of uploads whose event was never appended. What was put lately is left alone, since its event may be
// on its way; a rebuild or a parked event may hide that an image is shown, so then nothing is removed.
import type { Logger } from 'pino';
import type { Blobs } from './kernel/blobs.ts';

const restMs = 60 * 60 * 1_000;

export type ImageSweepParts = {
  readonly blobs: Pick<Blobs, 'list' | 'storedAt' | 'remove'>;
  /** Resolves to whether the read model shows everything that is in the log by now. */
  readonly isComplete: () => Promise<boolean>;
  readonly isShown: (key: string) => Promise<boolean>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
};

/** Answers the keys it has removed; none if the read model is not complete. */
export async function sweepImages({ blobs, isComplete, isShown, now }: ImageSweepParts) {
  const removed: string[] = [];
  const isOld = (storedAt: string | undefined) =>
    storedAt !== undefined && Date.parse(storedAt) < now() - restMs;
  for await (const { key, storedAt } of blobs.list()) {
    if (!isOld(storedAt)) continue;
    if (!(await isComplete())) return removed;
    if (await isShown(key)) continue;
    // Somebody may have sent the same image again meanwhile.
    if (!isOld(await blobs.storedAt(key))) continue;
    await blobs.remove(key);
    removed.push(key);
  }
  return removed;
}

/** Sweeps every hour; answers how to end that. */
export function sweepRegularly(parts: ImageSweepParts, logger: Logger): () => void {
  async function sweep() {
    const removed = await sweepImages(parts);
    if (removed.length > 0) logger.info({ images: removed.length }, 'removed images nobody shows');
  }
  const report = (error: unknown) => logger.warn({ err: error }, 'sweeping the images failed');
  const timer = setInterval(() => void sweep().catch(report), restMs).unref();
  return () => clearInterval(timer);
}
