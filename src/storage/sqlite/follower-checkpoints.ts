import type { Database } from 'bun:sqlite';
import type { FollowerCheckpoints } from '../../kernel/follower-checkpoints.ts';
import type { Position } from '../../kernel/stream.ts';

/**
 * @param database The connection that writes the log. Nothing here is synced for itself: it lies in the
 *   same WAL, so whatever sync makes a later event durable makes an earlier checkpoint durable too.
 */
export function followerCheckpoints(database: Database): FollowerCheckpoints {
  const select = database.query<{ position: Position }, [string]>(
    'SELECT position FROM follower_checkpoints WHERE follower = ?',
  );
  const upsert = database.query(
    `INSERT INTO follower_checkpoints (follower, position) VALUES (?, ?)
     ON CONFLICT (follower) DO UPDATE SET position = excluded.position`,
  );
  return {
    positionOf: async (follower) => select.get(follower)?.position,
    moveTo: async (follower, position) => void upsert.run(follower, position),
  };
}
