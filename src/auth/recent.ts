// What has changed while access tokens from before may still be unexpired: in memory, because every request asks
// for it, and no longer than that.

/** Clocks differ, and a token may be signed a moment after what it is about has changed. */
const marginSeconds = 60;

export type Recent<Value> = {
  readonly get: (key: string) => Value | undefined;
  readonly set: (key: string, value: Value) => void;
};

/** @param now Milliseconds that only grow: a clock that is put back must not revive anything. */
export function createRecent<Value>(
  seconds: number,
  now: () => number = () => performance.now(),
): Recent<Value> {
  const keptMs = (seconds + marginSeconds) * 1_000;
  /** The oldest comes first. */
  const entries = new Map<string, { readonly value: Value; readonly since: number }>();

  function dropOld() {
    for (const [key, { since }] of entries) {
      if (now() - since < keptMs) return;
      entries.delete(key);
    }
  }

  return {
    get: (key) => entries.get(key)?.value,
    set(key, value) {
      dropOld();
      entries.delete(key);
      entries.set(key, { value, since: now() });
    },
  };
}
