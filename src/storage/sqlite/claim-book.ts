// Who holds which name. Every change of hands is a row appended to `claims`; `claim_index` finds the
// rows by name. Keys are digests, so indexing one touches a page of its own, and a batch of 64 would
// commit 64 scattered pages. New rows are therefore kept in memory as a generation. One that is full is
// indexed slice by slice between batches, so that no append waits long; a slice is a range of keys in
// order, so that each page is visited once. Meanwhile the next generation fills. This is the memtable of
// a log-structured merge tree (O'Neil et al., 1996) over an ordinary B-tree. [measured: see bench/README.md]
import type { Database } from 'bun:sqlite';
import type { Claim } from '../../kernel/event-log.ts';
import type { StreamName } from '../../kernel/stream.ts';

const generationSizeUsual = 32_768;
/** Of a digest in base64url these are 54 bits: the index stays small, and rarely names a row in vain. */
const prefixLength = 9;
/** Stands for "nobody" in a row that has not been indexed yet; an indexed one is deleted instead. */
const released = '' as StreamName;

type Row = {
  readonly sequence: number;
  readonly kind: string;
  readonly key: string;
  readonly stream: StreamName;
};
const nothing: readonly never[] = [];

/** A row, and which older ones of its name it makes void. */
type Change = Row & { readonly voids: readonly number[]; readonly mayVoidIndexed: boolean };
/** The newest change of each name that changed hands, by kind and key. */
type Generation = Map<string, Map<string, Change>>;
type Slice = { readonly kind: string; readonly keys: string[] };
type Indexing = { readonly generation: Generation; readonly slices: Slice[]; through: number };

/** @param generationSize Rows that are gathered before they are indexed. */
export function openClaimBook(database: Database, generationSize = generationSizeUsual) {
  const statements = claimStatements(database);
  let filling: Generation = new Map();
  let size = 0;
  let newest = 0;
  let indexing: Indexing | undefined;

  function remember({ sequence, kind, key, stream }: Row) {
    const ofKind = filling.get(kind) ?? new Map<string, Change>();
    const before = ofKind.get(key);
    const change = {
      sequence,
      kind,
      key,
      stream,
      voids: before ? [...before.voids, before.sequence] : nothing,
      mayVoidIndexed: stream === released || recent(kind, key) !== undefined,
    };
    filling.set(kind, ofKind.set(key, change));
    size += 1;
    newest = sequence;
  }

  /** A name's rows are indexed in one transaction, so indexing what a crash cut short again is harmless. */
  function reload() {
    indexing = undefined;
    filling = new Map();
    size = 0;
    newest = statements.indexedThrough.get()!.through;
    for (const row of statements.rowsAfter.iterate(newest)) remember(row);
  }

  function recent(kind: string, key: string): Change | undefined {
    return filling.get(kind)?.get(key) ?? indexing?.generation.get(kind)?.get(key);
  }

  /** The indexed rows of a name: more than one only where its holder took it again. */
  function indexed(kind: string, key: string): readonly Row[] {
    const prefix = prefixOf(key);
    if (statements.withPrefix.get(kind, prefix) === null) return nothing; // as good as always
    return statements.withPrefix
      .all(kind, prefix)
      .map(({ sequence }) => statements.row.get(sequence)!)
      .filter((row) => row.key === key);
  }

  function holderOf(kind: string, key: string): StreamName | undefined {
    const stream = recent(kind, key)?.stream ?? indexed(kind, key)[0]?.stream;
    return stream === released ? undefined : stream;
  }

  function* everyKeyOf(kind: string) {
    yield* filling.get(kind)?.keys() ?? [];
    yield* indexing?.generation.get(kind)?.keys() ?? [];
    for (const { sequence } of statements.ofKind.iterate(kind)) {
      yield statements.row.get(sequence)!.key;
    }
  }

  function change(kind: string, key: string, stream: StreamName) {
    const sequence = newest + 1;
    statements.insert.run(sequence, kind, key, stream);
    remember({ sequence, kind, key, stream });
  }

  function turnOver() {
    indexing = { generation: filling, slices: slicesOf(filling), through: newest };
    filling = new Map();
    size = 0;
  }

  function index({ sequence, kind, key, stream, voids, mayVoidIndexed }: Change) {
    const prefix = prefixOf(key);
    for (const old of mayVoidIndexed ? indexed(kind, key) : nothing) {
      statements.unindex.run(kind, prefix, old.sequence);
      statements.remove.run(old.sequence);
    }
    for (const old of voids) statements.remove.run(old);
    if (stream === released) statements.remove.run(sequence);
    else statements.index.run(kind, prefix, sequence);
  }

  const indexSlice = database.transaction(({ generation, slices, through }: Indexing) => {
    const { kind, keys } = slices.at(-1)!;
    const changes = generation.get(kind)!;
    for (const key of keys.toSorted()) index(changes.get(key)!);
    if (slices.length <= 1) statements.setIndexedThrough.run(through);
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
        if (other !== key && recent(kind, other)?.stream !== released) return true;
      return false;
    },
    /** After a transaction that was rolled back. */
    reload,
    /** Indexes one slice, if one is due; a transaction of its own. */
    maintain() {
      if (!indexing && size >= generationSize) turnOver();
      if (!indexing) return;
      indexSlice.immediate(indexing);
      indexing.slices.pop();
      if (indexing.slices.length === 0) indexing = undefined;
    },
  };
}

const prefixOf = (key: string) => key.slice(0, prefixLength);

function claimStatements(database: Database) {
  return {
    rowsAfter: database.query<Row, [number]>(
      'SELECT sequence, kind, key, stream FROM claims WHERE sequence > ? ORDER BY sequence',
    ),
    insert: database.query('INSERT INTO claims (sequence, kind, key, stream) VALUES (?, ?, ?, ?)'),
    remove: database.query('DELETE FROM claims WHERE sequence = ?'),
    row: database.query<Row, [number]>(
      'SELECT sequence, kind, key, stream FROM claims WHERE sequence = ?',
    ),
    // In ascending order: the other way, or for the highest only, a search costs ten times as much.
    withPrefix: database.query<{ sequence: number }, [string, string]>(
      'SELECT sequence FROM claim_index WHERE kind = ? AND prefix = ?',
    ),
    ofKind: database.query<{ sequence: number }, [string]>(
      'SELECT sequence FROM claim_index WHERE kind = ?',
    ),
    index: database.query(
      'INSERT OR IGNORE INTO claim_index (kind, prefix, sequence) VALUES (?, ?, ?)',
    ),
    unindex: database.query(
      'DELETE FROM claim_index WHERE kind = ? AND prefix = ? AND sequence = ?',
    ),
    indexedThrough: database.query<{ through: number }, []>('SELECT through FROM claims_indexed'),
    setIndexedThrough: database.query('UPDATE claims_indexed SET through = ?'),
  };
}

/** One slice for each first character of the keys: of digests there are 64, alike in size. */
function slicesOf(generation: Generation): Slice[] {
  const slices = new Map<string, Slice>();
  for (const [kind, changes] of generation) {
    for (const key of changes.keys()) {
      const range = `${kind} ${key[0]}`;
      const slice = slices.get(range);
      if (slice) slice.keys.push(key);
      else slices.set(range, { kind, keys: [key] });
    }
  }
  return [...slices.values()];
}
