// Answers of the read models, cached where all nodes find them. A cached answer is a fact about the past that
// never becomes false: so the rows answered at this position of the log with this hash. Whether it still
// holds is judged by this node alone, from what it has seen of the log itself. So nothing depends on what
// the cache has forgotten, held too long or got back from a copy of last week.
import type { Keyring } from './keyring.ts';
import { UnknownPerson } from './keyring.ts';
import type { RecentChanges } from './recent-changes.ts';
import { logStart, type Position } from './stream.ts';

/** What the rows answered when they stood at a position; the hash tells of which history. */
export type CachedAnswer = {
  readonly position: Position;
  readonly hash: string;
  readonly text: string;
};

/** Port to where answers are cached. Nothing here fails: a cache that is away has nothing. */
export type AnswerCache = {
  readonly get: (key: string) => Promise<CachedAnswer | undefined>;
  readonly has: (key: string) => Promise<boolean>;
  /** Stores it, unless what is there is as new. */
  readonly put: (key: string, answer: CachedAnswer) => Promise<void>;
};

/** Where the rows of a projection stood, and which making of them it was. */
export type RowsAt = { readonly position: Position; readonly build: string };

/** An answer, with where the rows stood before and after it was found; often that is one snapshot. */
export type Found<Value> = {
  readonly value: Value | undefined;
  readonly before: RowsAt;
  readonly after: RowsAt;
};

export type Question<Value> = {
  readonly projection: string;
  /** Among the questions to this projection. */
  readonly name: string;
  /** The stream, or the category of streams, whose events alone can change the answer. */
  readonly subject: string;
  /** Whom the answer tells about: it is sealed under their key, and is lost with it. */
  readonly person?: string;
  readonly ask: () => Promise<Found<Value>> | Found<Value>;
};

export type CachedReadsParts = {
  readonly cache: AnswerCache;
  readonly changes: Pick<RecentChanges, 'head' | 'hashAt' | 'isUntouchedSince'>;
  readonly keyring: Pick<Keyring, 'seal' | 'opener'>;
  /** What this node knows of the rows of a projection; undefined while they are not to be used. */
  readonly rowsOf: (projection: string) => RowsAt | undefined;
  /** Something else than the cache has failed, for which nobody waits. */
  readonly onFailure: (error: unknown) => void;
};

export type CachedReads = ReturnType<typeof createCachedReads>;

export function createCachedReads({ cache, changes, rowsOf, ...parts }: CachedReadsParts) {
  const { keyring, onFailure } = parts;
  /** The newest rows that this node has answered from: nobody shall see older ones after them. */
  const answeredFrom = new Map<string, Position>();
  const counts = { hits: 0, misses: 0, outdated: 0 };

  /** Until where an answer must be known to hold. */
  function floorOf(projection: string): number {
    return Math.max(rowsOf(projection)?.position ?? 0, answeredFrom.get(projection) ?? 0);
  }

  function holds({ position, hash }: CachedAnswer, subject: string, floor: number): boolean {
    return (
      changes.head() >= floor &&
      changes.hashAt(position) === hash &&
      changes.isUntouchedSince(subject, position)
    );
  }

  async function seal<Value>(key: string, { person }: Question<Value>, text: string) {
    return person === undefined ? text : await keyring.seal(person, text, key);
  }

  /** Undefined when the key it was sealed under is gone. */
  async function open(key: string, { person }: Question<unknown>, text: string) {
    if (person === undefined) return text;
    const opened = (await keyring.opener([text]))(text, key);
    return typeof opened === 'string' ? opened : undefined;
  }

  async function store<Value>(question: Question<Value>, found: Found<Value>): Promise<void> {
    const { value, before, after } = found;
    const { position, build } = after;
    const hash = changes.hashAt(position);
    const isAsAfter =
      build === before.build && changes.isUntouchedSince(question.subject, before.position);
    if (hash === undefined || !isAsAfter) return;
    const key = keyOf(question, build);
    try {
      const text = await seal(key, question, JSON.stringify(value ?? null));
      await cache.put(key, { position, hash, text });
    } catch (error) {
      if (!(error instanceof UnknownPerson)) onFailure(error);
    }
  }

  async function askRows<Value>(question: Question<Value>): Promise<Found<Value>> {
    const found = await question.ask();
    const { projection } = question;
    const newest = Math.max(answeredFrom.get(projection) ?? logStart, found.after.position);
    answeredFrom.set(projection, newest as Position);
    return found;
  }

  async function recall<Value>(question: Question<Value>, floor: number) {
    const rows = rowsOf(question.projection);
    if (!rows) return undefined;
    const key = keyOf(question, rows.build);
    const cached = await cache.get(key);
    if (!cached) return undefined;
    if (!holds(cached, question.subject, floor)) {
      counts.outdated += 1;
      return undefined;
    }
    const text = await open(key, question, cached.text);
    return text === undefined ? undefined : { value: (JSON.parse(text) ?? undefined) as Value };
  }

  return {
    counts: () => ({ ...counts }),

    /** An answer no older than this node knows the rows to be, cached or new. */
    async read<Value>(question: Question<Value>): Promise<Value | undefined> {
      const recalled = await recall(question, floorOf(question.projection));
      if (recalled) {
        counts.hits += 1;
        return recalled.value;
      }
      counts.misses += 1;
      const found = await askRows(question);
      // What is not there is not cached: whoever asks for ids at random would fill the cache with them.
      if (found.value !== undefined) void store(question, found);
      return found.value;
    },

    /** Puts a new answer in the place of an older one, if there is one. */
    async refresh(question: Question<unknown>): Promise<void> {
      const rows = rowsOf(question.projection);
      if (!rows || !(await cache.has(keyOf(question, rows.build)))) return;
      await store(question, await question.ask());
    },
  };
}

function keyOf({ projection, name }: Question<unknown>, build: string): string {
  return `${projection}:${build}:${name}`;
}
