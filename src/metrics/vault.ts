import type { Vault } from '../kernel/vault.ts';
import { createCounts } from './grid.ts';
import { byLabel, type Family } from './family.ts';
import { createTally, secondsSince, type Tally } from './tally.ts';

type Operation = (...args: never[]) => Promise<unknown>;

/** How long what is asked of the vault takes, and how often it fails. */
export function createVaultMeter() {
  const durations = new Map<string, Tally>();
  const failures = createCounts();

  function measured(name: string, work: Operation): Operation {
    function tally() {
      const known = durations.get(name) ?? createTally();
      durations.set(name, known);
      return known;
    }
    return async (...args) => {
      const startedAt = performance.now();
      try {
        return await work(...args);
      } catch (error) {
        failures.add(name);
        throw error;
      } finally {
        tally().observe(secondsSince(startedAt));
      }
    };
  }

  const families: readonly Family[] = [
    {
      type: 'histogram',
      name: 'refold_vault_operation_duration_seconds',
      help: 'How long the vault takes for keys, credentials, sessions and kept answers.',
      *read() {
        for (const [operation, tally] of durations) yield { labels: { operation }, tally };
      },
    },
    byLabel(
      'counter',
      {
        name: 'refold_vault_failures_total',
        help: 'Operations of the vault that failed.',
        label: 'operation',
      },
      failures.entries,
    ),
  ];
  return {
    watch(vault: Vault): Vault {
      const operations = Object.entries<Operation>(vault);
      const entries = operations.map(([name, work]) => [name, measured(name, work)] as const);
      return Object.fromEntries(entries) as unknown as Vault;
    },
    families,
  };
}
