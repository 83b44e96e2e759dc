// What other nodes do that has to count here within a second: sessions they end, roles they change, whom they erase.
import type { Logger } from 'pino';
import type { Erasure } from './auth/erasure.ts';
import type { RecentRoles } from './auth/recent-roles.ts';
import type { Sessions } from './auth/sessions.ts';
import type { Role, UserEvent } from './events/users.ts';
import type { Check } from './http/health.ts';
import type { EventLog } from './kernel/event-log.ts';
import type { EventStore } from './kernel/event-store.ts';
import { idOf } from './kernel/stream.ts';
import { createSubscription } from './kernel/subscription.ts';
import type { Vault } from './kernel/vault.ts';
import { createLogFollower, timed } from './log-follower.ts';
import { systemClock as clock } from './storage/clock.ts';
import { createMemoryCheckpoints } from './storage/memory/follower-checkpoints.ts';
import { createWakeUp } from './storage/wake-up.ts';

/** How far the clocks of two nodes may be apart: a session ends by the clock of the node that ends it. */
const clocksApartMs = 60_000;
/** What others did counts here within a second, so whoever was told longer ago asks first: this node may have slept. */
const knownMsMax = 1_000;
const findOutMsMax = 5_000;
const askAgainMs = 10;

export type OtherNodesParts = {
  readonly log: Pick<EventLog, 'readTypes' | 'head'>;
  readonly store: Pick<EventStore, 'registry' | 'keyring'>;
  readonly vault: Pick<Vault, 'sessionsEndedSince'>;
  readonly sessions: Pick<Sessions, 'noteEnded'>;
  readonly noteRole: RecentRoles<Role>['note'];
  readonly erasure: Pick<Erasure, 'finish'>;
  readonly logger: Logger;
};

/** To be called before the roles of the past are read; nothing runs before `start`. */
export async function followOtherNodes({ store, noteRole, erasure, ...parts }: OtherNodesParts) {
  const roles = await createLogFollower({
    ...store,
    ...parts,
    name: 'roles and erasures',
    types: ['UserRoleChanged', 'UserErased'],
    checkpoints: createMemoryCheckpoints(),
    async react(event) {
      const { type, data } = event as unknown as UserEvent;
      if (type === 'UserRoleChanged') noteRole(idOf(event.stream), data.role, event.position);
      // The node that erases them may die before it is done.
      if (type === 'UserErased') await erasure.finish(idOf(event.stream));
    },
  });
  const sessions = followEndedSessions(parts);
  const caughtUpAt = () => Math.min(roles.caughtUpAt(), sessions.caughtUpAt());

  async function findOut(): Promise<boolean> {
    const from = performance.now();
    while (caughtUpAt() < from) {
      if (performance.now() - from > findOutMsMax) return false;
      roles.wake();
      sessions.wake();
      await clock.sleep(askAgainMs);
    }
    return true;
  }

  return {
    /** Undefined while it is known what other nodes have done; else whether it can be found out. */
    known: (): Promise<boolean> | undefined =>
      performance.now() - caughtUpAt() < knownMsMax ? undefined : findOut(),
    checks: [roles.check, sessions.check] satisfies (() => Check)[],
    wake: roles.wake,
    start() {
      roles.start();
      sessions.start();
    },
    async stop() {
      await Promise.all([roles.stop(), sessions.stop()]);
    },
  };
}

type SessionsParts = Pick<OtherNodesParts, 'vault' | 'sessions' | 'logger'>;

/** Looks a few times a second, which costs the vault less than being told. */
function followEndedSessions({ vault, sessions, logger }: SessionsParts) {
  const name = 'ended sessions';
  let lookedAt = Date.now();
  const { advance, caughtUpAt } = timed(async () => {
    const now = Date.now();
    const since = new Date(Math.min(now, lookedAt) - clocksApartMs).toISOString();
    sessions.noteEnded(await vault.sessionsEndedSince(since));
    lookedAt = now;
    return false;
  });
  const wakeUp = createWakeUp();
  const { start, stop, status } = createSubscription({
    advance,
    wakeUp,
    clock,
    onStatus: (next, err) => logger[next.error ? 'warn' : 'debug']({ ...next, err }, name),
  });
  const check = (): Check => {
    const { error } = status();
    return error === undefined ? { name, ok: true } : { name, ok: false, message: error };
  };
  return { start, stop, check, caughtUpAt, wake: wakeUp.signal };
}
