// Who holds which name. Keys are digests, so taking a name in a B-tree touches a page of its own, and
// a batch of 64 commits 64 scattered pages. Changes are therefore appended to `recent_claims` and kept
// in memory as a generation. One that is full goes into the tree slice by slice between batches, so that
// no append waits long; a slice is a range of keys in order, so that each page is visited once. Meanwhile
// the next generation fills. This is the memtable of a log-structured merge tree (O'Neil et al., 1996) over an
// ordinary B-tree. [measured: see bench/README.md]
import type { Database } from 'bun:sqlite';
import type { Claim } from '../../kernel/event-log.ts';
import type { StreamName } from '../../kernel/stream.ts';

const generationSizeUsual = 32_768;
/** Stands for "nobody" in `recent_claims`. */
const released = '' as StreamName;

type Change = { readonly kind: string; readonly key: string; readonly stream: StreamName };
/** The newest holder of each name that changed hands, by kind and key. */
type Generation = Map<string, Map<string, StreamName>>;
type Merging = { readonly generation: Generation; readonly slices: Change[][]; through: number };

/** @param generationSize Changes that are gathered before they are merged into the tree. */
export function openClaimBook(database: Database, generationSize = generationSizeUsual) {
  const recents = database.query<Change, []>(
    'SELECT kind, key, stream FROM recent_claims ORDER BY sequence',
  );
  const record = database.query('INSERT INTO recent_claims (kind, key, stream) VALUES (?, ?, ?)');
  const lastRecent = database.query<{ sequence: number | null }, []>(
    'SELECT max(sequence) AS sequence FROM recent_claims',
  );
  const forgetThrough = database.query('DELETE FROM recent_claims WHERE sequence <= ?');
  const holder = database.query<{ stream: StreamName }, [string, string]>(
    'SELECT stream FROM claims WHERE kind = ? AND key = ?',
  );
  const keysOf = database.query<{ key: string }, [string]>('SELECT key FROM claims WHERE kind = ?');
  const hold = database.query('INSERT OR REPLACE INTO claims (kind, key, stream) VALUES (?, ?, ?)');
  const drop = database.query('DELETE FROM claims WHERE kind = ? AND key = ?');
  let filling: Generation = new Map();
  let size = 0;
  let merging: Merging | undefined;

  function remember({ kind, key, stream }: Change) {
    const ofKind = filling.get(kind) ?? new Map<string, StreamName>();
    filling.set(kind, ofKind.set(key, stream));
    size += 1;
  }

  /** Whatever was merged only in part is still in `recent_claims`, and merging it again is harmless. */
  function reload() {
    merging = undefined;
    filling = new Map();
    size = 0;
    for (const change of recents.iterate()) remember(change);
  }

  /** The holder by the generations in memory: `released`, or undefined where only the tree knows. */
  function recentHolder(kind: string, key: string): StreamName | undefined {
    return filling.get(kind)?.get(key) ?? merging?.generation.get(kind)?.get(key);
  }

  function holderOf(kind: string, key: string): StreamName | undefined {
    const stream = recentHolder(kind, key) ?? holder.get(kind, key)?.stream;
    return stream === released ? undefined : stream;
  }

  function* everyKeyOf(kind: string) {
    yield* filling.get(kind)?.keys() ?? [];
    yield* merging?.generation.get(kind)?.keys() ?? [];
    for (const { key } of keysOf.iterate(kind)) yield key;
  }

  function change(kind: string, key: string, stream: StreamName) {
    record.run(kind, key, stream);
    remember({ kind, key, stream });
  }

  function turnOver() {
    const through = lastRecent.get()?.sequence ?? 0;
    merging = { generation: filling, slices: slicesOf(filling), through };
    filling = new Map();
    size = 0;
  }

  const mergeSlice = database.transaction(({ slices, through }: Merging) => {
    const slice = slices.at(-1) ?? [];
    for (const { kind, key, stream } of slice.toSorted((a, b) => compare(a.key, b.key))) {
      if (stream === released) drop.run(kind, key);
      else hold.run(kind, key, stream);
    }
    if (slices.length <= 1) forgetThrough.run(through);
  });

  reload();
  return {
    holderOf,
    take: ({ kind, key, stream }: Claim) => change(kind, key, stream),
    release({ kind, key, stream }: Claim) {
      if (holderOf(kind, key) === stream) change(kind, key, released);
    },
    /** Whether a name of this kind other than `key` is held. */
    hasOther(kind: string, key: string): boolean {
      for (const other of everyKeyOf(kind))
        if (other !== key && recentHolder(kind, other) !== released) return true;
      return false;
    },
    /** After a transaction that was rolled back. */
    reload,
    /** One slice of a merge, if one is due; a transaction of its own. */
    maintain() {
      if (!merging && size >= generationSize) turnOver();
      if (!merging) return;
      mergeSlice.immediate(merging);
      merging.slices.pop();
      if (merging.slices.length === 0) merging = undefined;
    },
  };
}

/** One slice for each first character of the keys: of digests there are 64, alike in size. */
function slicesOf(generation: Generation): Change[][] {
  const slices = new Map<string, Change[]>();
  for (const [kind, keys] of generation) {
    for (const [key, stream] of keys) {
      const range = `${kind} ${key[0]}`;
      const slice = slices.get(range);
      if (slice) slice.push({ kind, key, stream });
      else slices.set(range, [{ kind, key, stream }]);
    }
  }
  return [...slices.values()];
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
