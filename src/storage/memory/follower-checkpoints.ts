import type { FollowerCheckpoints } from '../../kernel/follower-checkpoints.ts';
import type { Position } from '../../kernel/stream.ts';

export function createMemoryCheckpoints(): FollowerCheckpoints {
  const positions = new Map<string, Position>();
  return {
    positionOf: async (follower) => positions.get(follower),
    moveTo: async (follower, position) => void positions.set(follower, position),
  };
}
