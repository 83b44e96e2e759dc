import type { Append, AppendOutcome, EventLog } from '../kernel/event-log.ts';
import type { EventStore } from '../kernel/event-store.ts';
import { createCounts } from './grid.ts';
import { byLabel, type Family, single } from './family.ts';
import { createTally, secondsSince } from './tally.ts';

const batchBounds = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000] as const;

/** What is appended, how many share a transaction, and how long they wait for it. */
export function createLogMeter() {
  const submittedAt = new WeakMap<Append, number>();
  const batchSizes = createTally(batchBounds);
  const waits = createTally();
  const writes = createTally();
  const outcomes = createCounts();
  const events = createCounts();
  let failures = 0;

  function begin(batch: readonly Append[], startedAt: number) {
    batchSizes.observe(batch.length);
    for (const append of batch) {
      const since = submittedAt.get(append);
      if (since !== undefined) waits.observe((startedAt - since) / 1_000);
    }
  }

  function note({ writes: written }: Append, outcome: AppendOutcome) {
    outcomes.add(nameOf(outcome));
    if (!outcome.ok || outcome.isRepeated) return;
    for (const { events: stored } of written) for (const { type } of stored) events.add(type);
  }

  const families: readonly Family[] = [
    single(
      'gauge',
      'refold_log_head_position',
      'The newest position of the log.',
      ({ head }) => head,
    ),
    byLabel(
      'counter',
      {
        name: 'refold_events_appended_total',
        help: 'Events that this process has stored, by type.',
        label: 'type',
      },
      events.entries,
    ),
    byLabel(
      'counter',
      {
        name: 'refold_appends_total',
        help: 'Appends by what the log answered: stored, repeated, or why it refused.',
        label: 'outcome',
      },
      outcomes.entries,
    ),
    single(
      'counter',
      'refold_append_batch_failures_total',
      'Transactions of appends that failed as a whole.',
      () => failures,
    ),
    {
      type: 'histogram',
      name: 'refold_append_batch_size',
      help: 'Appends that share a transaction.',
      read: () => [{ tally: batchSizes }],
    },
    {
      type: 'histogram',
      name: 'refold_append_wait_seconds',
      help: 'How long an append waits for its transaction to begin.',
      read: () => [{ tally: waits }],
    },
    {
      type: 'histogram',
      name: 'refold_append_batch_duration_seconds',
      help: 'How long a transaction of appends takes until it is durable.',
      read: () => [{ tally: writes }],
    },
  ];

  return {
    watchLog: (log: EventLog): EventLog => ({
      ...log,
      async append(batch) {
        const startedAt = performance.now();
        begin(batch, startedAt);
        try {
          const answers = await log.append(batch);
          batch.forEach((append, index) => note(append, answers[index]!));
          return answers;
        } catch (error) {
          failures += 1;
          throw error;
        } finally {
          writes.observe(secondsSince(startedAt));
        }
      },
    }),

    watchStore: (store: EventStore): EventStore => ({
      ...store,
      append(append) {
        submittedAt.set(append, performance.now());
        return store.append(append);
      },
    }),

    families,
  };
}

function nameOf(outcome: AppendOutcome): string {
  if (!outcome.ok) return outcome.reason;
  return outcome.isRepeated ? 'repeated' : 'stored';
}
