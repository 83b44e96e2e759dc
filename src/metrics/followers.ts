// Those who follow the log: projections and process managers by how far they are, clients by how many.
import type { Position } from '../kernel/stream.ts';
import type { Facts, ProjectionFacts } from './facts.ts';
import { byLabel, type Family } from './family.ts';

const states = ['catching-up', 'live', 'retrying', 'stopped', 'rebuilding', 'outdated'] as const;

/** Beside the projections: process managers, and whatever else keeps a checkpoint. */
export type FollowerMeter = { readonly name: string; readonly position: () => Position };

export type LiveFacts = {
  readonly kind: string;
  readonly open: number;
  readonly delivered: number;
  readonly ended: Readonly<Record<string, number>>;
};

export const projectionFamilies: readonly Family[] = [
  ofProjections(
    'refold_projection_position',
    'The position that a projection has applied.',
    ({ position }) => position,
  ),
  ofProjections(
    'refold_projection_lag_events',
    'Events between a projection and the head of the log.',
    ({ lag }) => lag,
  ),
  ofProjections(
    'refold_projection_parked_events',
    'Events that a projection could not apply, and later ones of their streams.',
    ({ parked }) => parked.length,
  ),
  ofProjections(
    'refold_projection_progress_ratio',
    'How much of the log a projection has applied, or its rebuild: 1 is all.',
    ({ progress }) => progress,
  ),
  {
    type: 'gauge',
    name: 'refold_projection_status',
    help: '1 for the status that a projection has, 0 for the others.',
    *read({ projections = [] }) {
      for (const { name: projection, status: present } of projections) {
        for (const status of states) {
          yield { labels: { projection, status }, value: Number(status === present) };
        }
      }
    },
  },
];

export function followerFamilies(followers: readonly FollowerMeter[]): readonly Family[] {
  const label = 'follower';
  return [
    byLabel(
      'gauge',
      {
        name: 'refold_follower_position',
        help: 'The position that a process manager has reacted to.',
        label,
      },
      () => followers.map(({ name, position }) => [name, position()]),
    ),
    byLabel(
      'gauge',
      {
        name: 'refold_follower_lag_events',
        help: 'Events between a process manager and the head of the log.',
        label,
      },
      ({ head }) =>
        head === undefined
          ? []
          : followers.map(({ name, position }) => [name, Math.max(0, head - position())]),
    ),
  ];
}

export const operationFamilies: readonly Family[] = [
  byLabel(
    'gauge',
    {
      name: 'refold_check_ok',
      help: '1 while a check of /ready passes, 0 while it fails.',
      label: 'check',
    },
    ({ checks = [] }) => checks.map(({ name, ok }) => [name, Number(ok)]),
  ),
  byLabel(
    'gauge',
    { name: 'refold_jobs', help: 'Jobs by state: waiting, delayed, active, dead.', label: 'state' },
    ({ jobs = {} }) => Object.entries(jobs),
  ),
];

export function liveFamilies(read: () => readonly LiveFacts[]): readonly Family[] {
  const label = 'kind';
  return [
    byLabel(
      'gauge',
      { name: 'refold_live_followers', help: 'Open streams and sockets.', label },
      () => read().map(({ kind, open }) => [kind, open]),
    ),
    byLabel(
      'counter',
      {
        name: 'refold_live_entries_delivered_total',
        help: 'Events written to streams and sockets.',
        label,
      },
      () => read().map(({ kind, delivered }) => [kind, delivered]),
    ),
    {
      type: 'counter',
      name: 'refold_live_ended_total',
      help: 'Streams and sockets that ended: the client left, or why the server has cut it.',
      *read() {
        for (const { kind, ended } of read()) {
          for (const [reason, value] of Object.entries(ended))
            yield { labels: { kind, reason }, value };
        }
      },
    },
  ];
}

function ofProjections(
  name: Family['name'],
  help: string,
  valueOf: (projection: ProjectionFacts) => number,
): Family {
  const read = ({ projections = [] }: Facts) =>
    projections.map((one) => [one.name, valueOf(one)] as const);
  return byLabel('gauge', { name, help, label: 'projection' }, read);
}
