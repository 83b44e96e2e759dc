// How far projections have come: as the projector knows it that moves them, or as others read it.
import type { Projection } from './projection.ts';
import type { Checkpoint, ParkedEvent } from './read-model.ts';
import type { Position } from './stream.ts';

export type Progress = {
  readonly applied: Position;
  readonly positions: Readonly<Record<string, Position>>;
  /** Which making of its rows each projection has; see `Checkpoint`. */
  readonly builds: Readonly<Record<string, string>>;
  /** Those whose rows another version of them has made. */
  readonly outdated: readonly string[];
  /** Of these, those that a later version has made: theirs to rebuild. */
  readonly overtaken: readonly string[];
  readonly parked: readonly ParkedEvent[];
};

export type Versions = Pick<Progress, 'outdated' | 'overtaken'>;

/** Without any running projection nobody has to wait for one. */
export const endless = Number.MAX_SAFE_INTEGER as Position;

/** What anybody can read of it; the same as the projector reports. */
export function progressIn(
  projections: readonly Projection[],
  checkpoints: ReadonlyMap<string, Checkpoint>,
  parked: readonly ParkedEvent[],
): Progress {
  const current = projections.flatMap(({ name, version }) => {
    const checkpoint = checkpoints.get(name);
    return checkpoint?.version === version ? [{ name, ...checkpoint }] : [];
  });
  const names = new Set(current.map(({ name }) => name));
  return {
    applied: lowest(current) ?? endless,
    positions: Object.fromEntries(current.map(({ name, position }) => [name, position])),
    builds: Object.fromEntries(current.map(({ name, build }) => [name, build])),
    ...versionsIn(checkpoints, projections),
    parked: parked.filter(({ projection }) => names.has(projection)),
  };
}

/** A projection that has no checkpoint has yet to begin. */
export function versionsIn(
  checkpoints: ReadonlyMap<string, Checkpoint>,
  projections: readonly Projection[],
): Versions {
  const versionOf = ({ name, version }: Projection) => checkpoints.get(name)?.version ?? version;
  const others = projections.filter((one) => versionOf(one) !== one.version);
  const overtaken = others.filter((one) => versionOf(one) > one.version);
  const namesOf = (some: readonly Projection[]) => some.map(({ name }) => name);
  return { outdated: namesOf(others), overtaken: namesOf(overtaken) };
}

export function lowest(some: readonly { readonly position: Position }[]): Position | undefined {
  if (some.length === 0) return undefined;
  return Math.min(...some.map(({ position }) => position)) as Position;
}
