// Work that needs the stores open for writing. It runs in this process, or in the running server when
// that one holds the data directory; either way it is the same function.
import type { Edge } from '../http/edge.ts';
import { createAdmin } from './create-admin.ts';
import type { OnProgress } from './progress.ts';
import { rotateKeys } from './rotate-keys.ts';
import { seed } from './seed.ts';

export type Job = (edge: Edge, args: never, onProgress: OnProgress) => Promise<unknown>;

export const jobs = { 'create-admin': createAdmin, 'rotate-keys': rotateKeys, seed } as const;

export type JobName = keyof typeof jobs;
export type JobArgs<Name extends JobName> = Parameters<(typeof jobs)[Name]>[1];
export type JobResult<Name extends JobName> = Awaited<ReturnType<(typeof jobs)[Name]>>;
