// Everything that follows the log to act on it, so that it starts and stops together.
import { createReactions, type ReactionParts } from './reactions.ts';
import { createSideEffects, type SideEffectsParts } from './side-effects.ts';
import type { Append } from './kernel/event-log.ts';

/** To be called before anything is appended; nothing runs before `start`. */
export async function createFollowers(parts: ReactionParts & SideEffectsParts) {
  const reactions = await createReactions(parts);
  const effects = await createSideEffects(parts);
  const followers = [reactions, effects];
  return {
    reactions,
    effects,
    all: followers,
    checks: followers.map(({ check }) => check),
    start() {
      for (const { start } of followers) start();
    },
    wakeFor(appends: readonly Append[]) {
      for (const { wakeFor } of followers) wakeFor(appends);
    },
    /** The log may have grown by what another node has appended. */
    wake() {
      for (const { wake } of followers) wake();
    },
    async stop() {
      await Promise.all(followers.map(({ stop }) => stop()));
    },
  };
}
