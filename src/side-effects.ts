// Wires effects: the follower that enqueues them, and the way mail takes.
import type { Logger } from 'pino';
import { atMost, stopMsMax } from './at-most.ts';
import { user } from './commands/users.ts';
import type { Config } from './config.ts';
import { createEffects } from './effects/index.ts';
import type { Person, Post } from './effects/letter.ts';
import { type UserEvent, userStream } from './events/users.ts';
import type { Check } from './http/health.ts';
import type { JobControl } from './http/jobs.ts';
import { createEnqueuer, handlersOf } from './kernel/effect.ts';
import type { EventLog } from './kernel/event-log.ts';
import type { EventStore } from './kernel/event-store.ts';
import type { FollowerCheckpoints } from './kernel/follower-checkpoints.ts';
import type { Leases } from './kernel/lease.ts';
import { type Jobs, QueueUnreachable } from './kernel/jobs.ts';
import { createLogFollower } from './log-follower.ts';
import { createPrinted } from './mail/printed.ts';

export type SideEffectsParts = {
  readonly log: Pick<EventLog, 'readTypes' | 'head'>;
  readonly store: Pick<EventStore, 'readStream' | 'registry' | 'keyring'>;
  readonly checkpoints: FollowerCheckpoints;
  readonly leases?: Leases | undefined;
  readonly jobs: Jobs;
  readonly config: Config;
  readonly logger: Logger;
};

/** The name of the follower, of its checkpoint and of its check. */
const followerName = 'jobs';

/** To be called before anything is appended; nothing runs before `start`. */
export async function createSideEffects(parts: SideEffectsParts) {
  const { log, store, jobs, config, logger } = parts;
  const { registry, keyring } = store;
  const { send, close: closeMail } = await openMail(config, logger);
  const effects = createEffects(send && { send, personOf: peopleIn(store) });
  const follower = await createLogFollower({
    ...parts,
    registry,
    keyring,
    name: followerName,
    types: [...new Set(effects.map(({ on }) => on))],
    react: createEnqueuer(effects, jobs),
    isExcused: (error) => error instanceof QueueUnreachable,
  });

  const control: JobControl = {
    async view(page) {
      const [counts, dead, head] = await Promise.all([jobs.counts(), jobs.dead(page), log.head()]);
      const position = follower.position();
      const { state } = follower.status();
      return { state, position, head, lag: Math.max(0, head - position), counts, dead: [...dead] };
    },
    retry: jobs.retry,
  };

  return {
    ...follower,
    control,
    check(): Check {
      const failure = jobs.failure();
      const checked = follower.check();
      return failure === undefined ? checked : { ...checked, ok: false, message: failure };
    },
    counts: jobs.counts,
    start() {
      jobs.work(handlersOf(effects, store));
      follower.start();
    },
    /** Enqueues what is at hand and finishes the jobs that have begun. */
    async stop(): Promise<void> {
      await follower.stop();
      await atMost(jobs.close(), stopMsMax);
      closeMail();
    },
  };
}

export type SideEffects = Awaited<ReturnType<typeof createSideEffects>>;

type MailWay = { readonly send: Post['send'] | undefined; readonly close: () => void };

/** Only a developer's log may show whom a mail goes to. */
async function openMail({ mail, isDevelopment }: Config, logger: Logger): Promise<MailWay> {
  if (mail.smtpUrl !== undefined) {
    const { createSmtp } = await import('./mail/smtp.ts');
    return createSmtp({ url: mail.smtpUrl, from: mail.from });
  }
  if (isDevelopment) return { send: createPrinted(logger), close() {} };
  logger.warn('SMTP_URL is not set: no mail will be sent for what happens from now on');
  return { send: undefined, close() {} };
}

/** Read from the log and not from states that are remembered: whoever has been erased gets no mail. */
function peopleIn({ readStream }: Pick<EventStore, 'readStream'>) {
  return async (userId: string): Promise<Person | undefined> => {
    let state = user.initialState;
    for await (const event of readStream(userStream(userId))) {
      state = user.evolve(state, event as unknown as UserEvent);
    }
    if (state.status !== 'registered') return undefined;
    const { name, email: address } = state;
    return typeof name === 'string' && typeof address === 'string' ? { name, address } : undefined;
  };
}
