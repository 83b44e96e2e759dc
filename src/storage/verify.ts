import { chainStart, verifyChain } from '../kernel/chain.ts';
import type { EventLog } from '../kernel/event-log.ts';
import { logStart, type Position } from '../kernel/stream.ts';
import { sha256 } from './sha256.ts';

const pageSize = 1_000;

/**
 * Verifies the hash chain over the whole log and answers the last hash: kept elsewhere, it proves
 * later that nothing up to that position was changed.
 * @throws ChainBroken at the first event that does not continue the chain.
 */
export async function verifyLog(
  log: Pick<EventLog, 'readAll'>,
  onProgress: (position: Position) => void,
): Promise<string> {
  let last = { position: logStart, hash: chainStart };
  for (;;) {
    const page = await log.readAll(last.position, pageSize);
    if (page.length === 0) return last.hash;
    last = { position: page.at(-1)!.position, hash: verifyChain(page, last, sha256) };
    onProgress(last.position);
  }
}
