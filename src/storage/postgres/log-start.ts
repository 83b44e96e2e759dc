import { chainStart, ChainBroken, verifyChain } from '../../kernel/chain.ts';
import type { StoredEvent } from '../../kernel/event-log.ts';
import { sha256 } from '../sha256.ts';
import type { Client } from './connection.ts';
import { createLogReader } from './event-log.ts';

/** How much of the chain is verified at each start; `bun run verify` checks all of it. */
const verifiedAtStart = 1_000;
/** Whoever has lost a connection asks within seconds what became of a batch. */
const writersKeptFor = '1 day';

/**
 * Verifies the newest events against the head, which is written with each of them.
 * @throws ChainBroken when they do not continue the hash chain, or when the newest are gone.
 */
export async function verifyNewest(sql: Client): Promise<void> {
  const [head] = await sql<
    { position: number; hash: string }[]
  >`SELECT position, hash FROM log.head`;
  if (!head) throw new ChainBroken(1);
  const tail = await newestUpTo(sql, head.position);
  const isWhole = tail.length <= verifiedAtStart;
  const anchor = isWhole ? { position: 0, hash: chainStart } : tail.shift()!;
  const hash = verifyChain(tail, anchor, sha256);
  const last = tail.at(-1)?.position ?? anchor.position;
  if (last !== head.position) throw new ChainBroken(last + 1);
  if (hash !== head.hash) throw new ChainBroken(last);
}

/** Others may be appending, so the head comes first; in ascending order. */
async function newestUpTo(sql: Client, position: number): Promise<StoredEvent[]> {
  const after = Math.max(0, position - verifiedAtStart - 1);
  const events = await createLogReader(sql).readAll(after as never, verifiedAtStart + 1);
  return events.filter((event) => event.position <= position);
}

/** Forgets the last batches of processes that have ended. */
export async function forgetWriters(sql: Client): Promise<void> {
  await sql`DELETE FROM log.writers WHERE at < now() - ${writersKeptFor}::interval`;
}
