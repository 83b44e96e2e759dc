import type { FollowerCheckpoints } from '../../kernel/follower-checkpoints.ts';
import type { Position } from '../../kernel/stream.ts';
import { type Client, patiently } from './connection.ts';

/** A checkpoint never moves backwards, whoever was slower to say how far it has come. */
export function createFollowerCheckpoints(sql: Client): FollowerCheckpoints {
  return {
    async positionOf(follower) {
      const [row] = await patiently(
        () => sql<{ position: Position }[]>`
          SELECT position FROM log.follower_checkpoints WHERE follower = ${follower}`,
      );
      return row?.position;
    },
    async moveTo(follower, position) {
      await patiently(
        () => sql`
          INSERT INTO log.follower_checkpoints AS at (follower, position)
          VALUES (${follower}, ${position})
          ON CONFLICT (follower) DO UPDATE SET position = excluded.position
          WHERE at.position < excluded.position`,
      );
    },
  };
}
