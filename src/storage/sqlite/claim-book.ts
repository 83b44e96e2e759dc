// Who holds which name. Keys are digests, so taking a name in a B-tree touches a page of its own, and
// a batch of 64 commits 64 scattered pages. Changes are therefore appended to `recent_claims`, kept in
// memory as well, and merged into the tree thousands at a time, when many of them share pages.
// [measured: 38,000 appends/s with the tree alone, see bench/README.md]
import type { Database } from 'bun:sqlite';
import type { Claim } from '../../kernel/event-log.ts';
import type { StreamName } from '../../kernel/stream.ts';

const recentMax = 32_768;
/** Stands for "nobody" in `recent_claims`. */
const released = '' as StreamName;

type Change = { readonly kind: string; readonly key: string; readonly stream: StreamName };

export function openClaimBook(database: Database) {
  const recents = database.query<Change, []>(
    'SELECT kind, key, stream FROM recent_claims ORDER BY sequence',
  );
  const record = database.query('INSERT INTO recent_claims (kind, key, stream) VALUES (?, ?, ?)');
  const forgetRecents = database.query('DELETE FROM recent_claims');
  const holder = database.query<{ stream: StreamName }, [string, string]>(
    'SELECT stream FROM claims WHERE kind = ? AND key = ?',
  );
  const keysOf = database.query<{ key: string }, [string]>('SELECT key FROM claims WHERE kind = ?');
  const hold = database.query('INSERT OR REPLACE INTO claims (kind, key, stream) VALUES (?, ?, ?)');
  const drop = database.query('DELETE FROM claims WHERE kind = ? AND key = ?');
  let recent = new Map<string, Map<string, StreamName>>();
  let size = 0;

  function remember({ kind, key, stream }: Change) {
    const ofKind = recent.get(kind) ?? new Map<string, StreamName>();
    recent.set(kind, ofKind.set(key, stream));
    size += 1;
  }

  function reload() {
    recent = new Map();
    size = 0;
    for (const change of recents.iterate()) remember(change);
  }

  function holderOf(kind: string, key: string): StreamName | undefined {
    const stream = recent.get(kind)?.get(key) ?? holder.get(kind, key)?.stream;
    return stream === released ? undefined : stream;
  }

  function change(kind: string, key: string, stream: StreamName) {
    record.run(kind, key, stream);
    remember({ kind, key, stream });
  }

  const mergeAll = database.transaction(() => {
    const changes = [...recent].flatMap(([kind, keys]) =>
      [...keys].map(([key, stream]) => ({ kind, key, stream })),
    );
    // In key order, so that each page of the tree is visited once.
    changes.sort((a, b) => (a.kind === b.kind ? compare(a.key, b.key) : compare(a.kind, b.kind)));
    for (const { kind, key, stream } of changes) {
      if (stream === released) drop.run(kind, key);
      else hold.run(kind, key, stream);
    }
    forgetRecents.run();
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
      const ofKind = recent.get(kind);
      for (const [other, stream] of ofKind ?? [])
        if (other !== key && stream !== released) return true;
      for (const { key: other } of keysOf.iterate(kind)) {
        if (other !== key && ofKind?.get(other) !== released) return true;
      }
      return false;
    },
    /** After a transaction that was rolled back. */
    reload,
    isDue: () => size >= recentMax,
    merge() {
      mergeAll.immediate();
      recent = new Map();
      size = 0;
    },
  };
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
