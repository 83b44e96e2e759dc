// How long to wait before the next attempt: exponential back-off with full jitter, so that clients that
// were cut off together do not come back together.

export type BackOff = {
  /** The longest wait after the first failure; doubled for each further one. */
  readonly firstMs: number;
  readonly maxMs: number;
};

/** A timer takes no more; a longer one would fire at once. */
const timerMsMax = 2_147_483_647;

/**
 * @param failures How many attempts have failed in a row before this one.
 * @param atLeastMs What the server asked for; chance only adds to it.
 */
export function delayMs(
  failures: number,
  { firstMs, maxMs }: BackOff,
  atLeastMs: number,
  random: () => number,
): number {
  const ceiling = Math.min(maxMs, firstMs * 2 ** failures);
  return Math.min(atLeastMs + random() * ceiling, timerMsMax);
}

/** Resolves after that time, or as soon as the signal aborts. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end);
  });
}

/** The milliseconds of a `Retry-After`, which is seconds or a date; undefined without a valid one. */
export function retryAfterMs(header: string | null, now = Date.now()): number | undefined {
  if (header === null) return undefined;
  const ms = /^\d+$/.test(header) ? Number(header) * 1_000 : Date.parse(header) - now;
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}
