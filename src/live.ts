// Wires what live routes share.
import type { Logger } from 'pino';
import type { Tickets } from './auth/tickets.ts';
import type { Commands } from './commands/index.ts';
import type { Config } from './config.ts';
import type { Access, User } from './http/access.ts';
import { createConnections } from './http/connections.ts';
import { type Live, pageReader } from './http/live.ts';
import { entryOpener } from './http/live-entry.ts';
import { erased, reveal } from './kernel/event.ts';
import type { EventLog } from './kernel/event-log.ts';
import type { EventStore } from './kernel/event-store.ts';
import { createLiveFeed } from './kernel/live-feed.ts';
import { systemClock as clock } from './storage/clock.ts';
import { createWakeUp } from './storage/wake-up.ts';

type LiveParts = {
  readonly log: EventLog;
  readonly store: EventStore;
  readonly commands: Commands;
  readonly config: Config;
  readonly logger: Logger;
  readonly tickets: Tickets<User>;
  readonly access: Pick<Access, 'mayGoOn'>;
  readonly endOfTurn: () => Promise<void>;
};

/** The feed starts with its first follower; `wakeUp` tells it that the log has grown. */
export function createLive(parts: LiveParts) {
  const { log, store, commands, config, logger, tickets, access, endOfTurn } = parts;
  async function nameOf(userId: string): Promise<string> {
    const { state } = await commands.users.load(userId);
    return state.status === 'registered' ? reveal(state.name) : reveal(erased);
  }

  async function nameIfKnown(userId: string): Promise<string | undefined> {
    try {
      return await nameOf(userId);
    } catch (err) {
      logger.warn({ err, userId }, 'how somebody on another node is called cannot be found out');
      return undefined;
    }
  }

  const { open, openOlder } = entryOpener({
    store,
    log,
    nameOf,
    onBroken: ({ position }, err) =>
      logger.error({ position, err }, 'an event that nobody can follow was left out'),
  });
  const wakeUp = createWakeUp();
  const feed = createLiveFeed({
    log,
    open,
    openOlder,
    endOfTurn,
    wakeUp,
    clock,
    onStatus: (status) => logger[status.error ? 'warn' : 'debug'](status, 'live feed'),
  });
  const connections = createConnections(access.mayGoOn);
  const live: Live = {
    feed,
    connections,
    tickets,
    origins: config.corsOrigins,
    head: log.head,
    read: pageReader(log, openOlder, endOfTurn),
  };
  return { ...live, wakeUp, nameIfKnown };
}
