/** Nothing was heard for that long, not even what keeps a connection open. */
export class Silence extends Error {
  override readonly name = 'Silence';
  constructor(ms: number) {
    super(`Nothing was heard for ${ms} ms.`);
  }
}

export type Watch = ReturnType<typeof createWatch>;

/** Gives up waiting, and tells others by its signal, when one wait takes longer than `ms`. */
export function createWatch(ms: number, stop: AbortSignal) {
  const silent = new AbortController();
  const signal = AbortSignal.any([stop, silent.signal]);
  const aborted = Promise.withResolvers<never>();
  aborted.promise.catch(() => {});
  signal.addEventListener('abort', () => aborted.reject(signal.reason), { once: true });

  return {
    signal,
    async wait<Result>(work: Promise<Result>): Promise<Result> {
      const timer = setTimeout(() => silent.abort(new Silence(ms)), ms);
      try {
        return await Promise.race([work, aborted.promise]);
      } finally {
        clearTimeout(timer);
      }
    },
  };
}
