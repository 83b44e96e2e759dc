// A named follower of the log, as a state machine:
//
//   catching-up ──► live ──► stopped
//        ▲ │         │ ▲
//        │ └─► retrying ┘     after a failure, with growing pauses
//
// It reads pages from its checkpoint; when there is nothing left it waits for a wake-up, or at
// most `pollMs`. No failure is swallowed and none ends it silently: `status` always tells.
import type { Clock } from './time.ts';
import type { WakeUp } from './wake-up.ts';

const pollMs = 250;
const pauseFirstMs = 100;
const pauseMaxMs = 5_000;

export type SubscriptionState = 'catching-up' | 'live' | 'retrying' | 'stopped';

export type SubscriptionStatus = {
  readonly state: SubscriptionState;
  /** Why it is retrying, or why it stopped. */
  readonly error?: string;
};

/** A failure that no retry can mend; it stops the subscription. */
export class FatalFailure extends Error {
  override readonly name: string = 'FatalFailure';
}

export type SubscriptionParts = {
  /** Handles one page behind the checkpoint; answers whether more may be waiting. */
  readonly advance: () => Promise<boolean>;
  readonly wakeUp: WakeUp;
  readonly clock: Clock;
  readonly onStatus: (status: SubscriptionStatus, error?: unknown) => void;
};

export function createSubscription({ advance, wakeUp, clock, onStatus }: SubscriptionParts) {
  let status: SubscriptionStatus = { state: 'catching-up' };
  let isStopping = false;
  let failures = 0;

  function become(next: SubscriptionStatus, error?: unknown) {
    if (next.state === status.state && next.error === status.error) return;
    status = next;
    onStatus(next, error);
  }

  async function turn() {
    try {
      const hasMore = await advance();
      failures = 0;
      if (hasMore) {
        if (status.state === 'retrying') become({ state: 'catching-up' });
        return;
      }
      become({ state: 'live' });
      await wakeUp.wait(pollMs);
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      if (error instanceof FatalFailure) {
        isStopping = true;
        become({ state: 'stopped', error: text }, error);
        return;
      }
      become({ state: 'retrying', error: text }, error);
      await clock.sleep(Math.min(pauseFirstMs * 2 ** failures, pauseMaxMs));
      failures += 1;
    }
  }

  async function run() {
    while (!isStopping) await turn();
    if (status.state !== 'stopped') become({ state: 'stopped' });
  }

  let running: Promise<void> = Promise.resolve();
  return {
    status: () => status,
    start() {
      running = run();
    },
    /** Finishes the page at hand and stops. */
    async stop() {
      isStopping = true;
      wakeUp.signal();
      await running;
    },
  };
}
