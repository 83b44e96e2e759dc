// Metrics: meters wrap the ports and count in plain numbers while the system works; an exposition reads
// them, and what else is known, when somebody asks.
import type { EventLog } from '../kernel/event-log.ts';
import type { Vault } from '../kernel/vault.ts';
import { createCacheMeter } from './caches.ts';
import { createCommandMeter } from './commands.ts';
import { createExposition } from './exposition.ts';
import type { OnFailure, Sources } from './facts.ts';
import { single } from './family.ts';
import {
  followerFamilies,
  type FollowerMeter,
  liveFamilies,
  type LiveFacts,
  operationFamilies,
  projectionFamilies,
} from './followers.ts';
import { createLogMeter } from './log.ts';
import { createProcessMeter, passwordFamilies, type PasswordLoad } from './process.ts';
import { createRequestMeter } from './requests.ts';
import { createVaultMeter } from './vault.ts';

export type Meters = ReturnType<typeof createMeters>;

/** Made before all else, so that everything can be wrapped. */
export function createMeters(version: string) {
  const log = createLogMeter();
  const vault = createVaultMeter();
  return {
    log,
    vault,
    caches: createCacheMeter(),
    commands: createCommandMeter(),
    requests: createRequestMeter(),
    process: createProcessMeter(version),

    /** The same stores, measured. */
    watchStorage<Storage extends { readonly log: EventLog; readonly vault: Vault }>(
      storage: Storage,
    ): Storage {
      return { ...storage, log: log.watchLog(storage.log), vault: vault.watch(storage.vault) };
    },
  };
}

export type MetricsParts = {
  readonly meters: Meters;
  readonly sources: Sources;
  readonly followers: readonly FollowerMeter[];
  readonly live: () => readonly LiveFacts[];
  readonly passwords: () => PasswordLoad;
  /** Requests that are being answered now. */
  readonly pending: () => number;
  readonly onFailure: OnFailure;
};

export function createMetrics({ meters, sources, onFailure, ...parts }: MetricsParts) {
  const families = [
    ...meters.requests.families,
    single(
      'gauge',
      'refold_http_requests_pending',
      'Requests that are being answered, open streams among them.',
      parts.pending,
    ),
    ...meters.commands.families,
    ...meters.log.families,
    ...projectionFamilies,
    ...followerFamilies(parts.followers),
    ...liveFamilies(parts.live),
    ...operationFamilies,
    ...meters.caches.families,
    ...passwordFamilies(parts.passwords),
    ...meters.vault.families,
    ...meters.process.families,
  ];
  return createExposition(families, sources, onFailure);
}
