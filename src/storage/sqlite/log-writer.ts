// The writing half of the SQLite log. A commit here does not wait for the disk: see `durable-log.ts`.
// Every append of a batch is judged by reads before its own writes begin, so a refusal leaves
// nothing behind and spoils no neighbour.
import type { Database } from 'bun:sqlite';
import { LRUCache } from 'lru-cache';
import { chainStart, chainText, ChainBroken, verifyChain } from '../../kernel/chain.ts';
import {
  type Append,
  type AppendOutcome,
  type Appended,
  isExpected,
  isSameCommand,
  type Refused,
  type StoredEvent,
  type Write,
} from '../../kernel/event-log.ts';
import { noEvents, type Position, type StreamName, type Version } from '../../kernel/stream.ts';
import { sha256 } from '../sha256.ts';
import { openClaimBook } from './claim-book.ts';
import { followerCheckpoints } from './follower-checkpoints.ts';
import { closeWriter, migrateFile, openForWriting, walPagesMax } from './connection.ts';
import { eventColumns, logStatements, type StoredCommand } from './log-statements.ts';

const versionsRemembered = 50_000;
/** How much of the chain is verified at each start; `bun run verify` checks all of it. */
const verifiedAtStart = 1_000;

/** Looking at the WAL costs a little; it grows by a few pages a batch. */
const batchesBetweenLooks = 32;

/** Nobody else writes the log; who holds it all the same shall not hold the thread of the requests. */
const busyTimeoutMs = 50;

export type LogWriter = ReturnType<typeof openLogWriter>;

type Head = { position: Position; hash: string; time: string };

/**
 * @param claimGenerationSize See `claim-book.ts`.
 * @throws ChainBroken when the newest events do not continue the hash chain.
 */
export function openLogWriter(file: string, migrations: string, claimGenerationSize?: number) {
  const database = openForWriting(file, 'synced');
  migrateFile(database, migrations);
  database.run(`PRAGMA busy_timeout = ${busyTimeoutMs}`);
  const statements = logStatements(database);
  const versions = streamVersions(statements);
  const claims = openClaimBook(database, claimGenerationSize);
  let head = verifiedHead(database);

  /** Where the batch trusts its writers, the table's own constraint speaks for streams said to be new. */
  function versionFor({ stream, expected }: Write, trusts: boolean): Version {
    return trusts && expected === 'none' ? noEvents : versions.of(stream);
  }

  function judge(append: Append, trusts: boolean): Refused | Appended | undefined {
    if (append.commandId !== null) {
      const first = statements.command.get(append.commandId);
      if (first) return outcomeAgain(first, append);
    }
    for (const write of append.writes) {
      const { stream, expected } = write;
      const actual = versionFor(write, trusts);
      if (!isExpected(expected, actual))
        return { ok: false, reason: 'version', stream, expected, actual };
    }
    for (const { kind, key, stream } of append.take) {
      const holder = claims.holderOf(kind, key);
      if (holder !== undefined && holder !== stream)
        return { ok: false, reason: 'claim-taken', kind };
    }
    for (const { kind, key, keepsOne } of append.release) {
      if (keepsOne && !claims.hasOther(kind, key)) return { ok: false, reason: 'last-claim', kind };
    }
    return undefined;
  }

  function write(append: Append, at: Head, trusts: boolean): Appended {
    const { commandId, fingerprint, writes, meta } = append;
    if (append.time > at.time) at.time = append.time;
    const { stream: first } = writes[0]!;
    let versionOfFirst = noEvents;
    for (const one of writes) {
      const { stream, events } = one;
      let version = versionFor(one, trusts);
      for (const event of events) {
        version = (version + 1) as Version;
        at.position = (at.position + 1) as Position;
        const { id, type, schemaVersion, data } = event;
        const { position, time } = at;
        const stored = { position, id, stream, version, type, schemaVersion, data, meta, time };
        at.hash = sha256(chainText(at.hash, stored));
        insert(statements, stored, at.hash);
      }
      // Most streams are never written again: one that has just begun is remembered when it is asked for.
      if (one.expected !== 'none') versions.remember(stream, version);
      if (stream === first) versionOfFirst = version;
    }
    for (const claim of append.release) claims.release(claim);
    for (const claim of append.take) claims.take(claim);
    const stored = { position: at.position, stream: first, version: versionOfFirst, time: at.time };
    if (commandId !== null) {
      const { position, version, time } = stored;
      statements.insertCommand.run(commandId, position, first, version, time, fingerprint);
    }
    return { ok: true, isRepeated: false, ...stored };
  }

  /** One transaction; when it throws, nothing of the batch is stored. */
  function attempt(appends: readonly Append[], trusts: boolean): readonly AppendOutcome[] {
    const at = { ...head };
    statements.begin.run();
    try {
      const outcomes = appends.map((append) => judge(append, trusts) ?? write(append, at, trusts));
      statements.commit.run();
      head = at;
      return outcomes;
    } catch (error) {
      versions.forget();
      if (database.inTransaction) statements.rollback.run();
      claims.reload();
      throw error;
    }
  }

  return {
    head: () => head.position,
    /** Whether the WAL should be copied into the file before the next batch. */
    isCheckpointDue: walWatch(database),

    /**
     * One transaction; when it throws, nothing of the batch is stored. New streams are as good as always
     * new, and asking costs as much as inserting; a batch in which one is not is done again, asking.
     */
    append(appends: readonly Append[]): readonly AppendOutcome[] {
      try {
        return attempt(appends, true);
      } catch (error) {
        if ((error as { code?: string }).code !== 'SQLITE_CONSTRAINT_UNIQUE') throw error;
        return attempt(appends, false);
      }
    },

    holderOf: claims.holderOf,
    checkpoints: followerCheckpoints(database),
    /** Housekeeping for between batches; answers at once when nothing is due. */
    maintain: claims.maintain,

    close: () => closeWriter(database),
  };
}

function insert(
  { insertEvent }: ReturnType<typeof logStatements>,
  event: Omit<StoredEvent, 'hash'>,
  hash: string,
) {
  const { position, id, stream, version, type, schemaVersion, data, meta, time } = event;
  insertEvent.run(position, id, stream, version, type, schemaVersion, data, meta, time, hash);
}

function streamVersions(statements: ReturnType<typeof logStatements>) {
  const known = new LRUCache<StreamName, Version>({ max: versionsRemembered });
  return {
    of(stream: StreamName): Version {
      const remembered = known.get(stream);
      if (remembered !== undefined) return remembered;
      if (statements.isKnown.get(stream) === null) return noEvents;
      const version = statements.version.get(stream)?.version ?? noEvents;
      known.set(stream, version);
      return version;
    },
    remember: (stream: StreamName, version: Version) => void known.set(stream, version),
    forget: () => known.clear(),
  };
}

function outcomeAgain(
  { fingerprint, ...outcome }: StoredCommand,
  append: Append,
): Appended | Refused {
  return isSameCommand(fingerprint, append.fingerprint)
    ? { ok: true, isRepeated: true, ...outcome }
    : { ok: false, reason: 'command-reused' };
}

/** A checkpoint that readers kept from its end is due again once as much has come on top. */
function walWatch(database: Database): () => boolean {
  const look = database.query<{ log: number }, []>('PRAGMA wal_checkpoint(NOOP)');
  let batches = 0;
  let pagesBefore = 0;
  return () => {
    batches += 1;
    if (batches % batchesBetweenLooks !== 0) return false;
    const pages = look.get()?.log ?? 0;
    if (pages < pagesBefore) pagesBefore = 0; // the WAL has started over
    if (pages < pagesBefore + walPagesMax) return false;
    pagesBefore = pages;
    return true;
  };
}

function verifiedHead(database: Database): Head {
  const tail = database
    .query<StoredEvent, [number]>(
      `SELECT ${eventColumns} FROM events ORDER BY position DESC LIMIT ?`,
    )
    .all(verifiedAtStart + 1)
    .toReversed();
  const last = tail.at(-1);
  const position = last?.position ?? (0 as Position);
  // AUTOINCREMENT remembers the highest position there has ever been.
  const sequence = database
    .query<{ seq: number }, []>("SELECT seq FROM sqlite_sequence WHERE name = 'events'")
    .get();
  if ((sequence?.seq ?? 0) > position) throw new ChainBroken(position + 1);
  if (!last) return { position, hash: chainStart, time: '' };
  const isWhole = tail.length <= verifiedAtStart;
  const anchor = isWhole ? { position: 0, hash: chainStart } : tail.shift()!;
  verifyChain(tail, anchor, sha256);
  return { position, hash: last.hash, time: last.time };
}
