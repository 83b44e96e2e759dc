import type { Digest } from '../digest.ts';

/** Before every key and channel: the same on every node of a deployment, and another one in every other. */
export const deploymentPrefix = (digest: Digest): string =>
  `refold:${digest('redis', 'deployment').slice(0, 16)}`;
