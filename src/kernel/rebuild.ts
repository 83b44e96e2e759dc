// Builds rows anew from the first event, beside the live ones, and swaps.
import type { EventLog } from './event-log.ts';
import type { Projector } from './projector.ts';
import type { BesideReadModel } from './read-model.ts';
import type { Position } from './stream.ts';

/**
 * Runs until the rows beside have reached the head of the log, then swaps them in.
 * @param projector Feeds `beside`; a rebuild that was interrupted goes on where it was.
 */
export async function rebuild(parts: {
  readonly log: Pick<EventLog, 'head'>;
  readonly projector: Pick<Projector, 'advanceTo'>;
  readonly beside: BesideReadModel;
  readonly projections: readonly string[];
}): Promise<void> {
  const { log, projector, beside, projections } = parts;
  await reach(projector, await log.head());
  await beside.swap(projections, (to) => reach(projector, to));
}

/** Applies page after page until there is nothing left up to `to`. */
export async function reach(projector: Pick<Projector, 'advanceTo'>, to: Position): Promise<void> {
  while (await projector.advanceTo(to));
}
