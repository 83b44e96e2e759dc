import type { Broadcast } from '../../kernel/broadcast.ts';
import type { EventLog } from '../../kernel/event-log.ts';
import type { FollowerCheckpoints } from '../../kernel/follower-checkpoints.ts';
import type { Leases } from '../../kernel/lease.ts';
import type { Vault } from '../../kernel/vault.ts';
import { createPostgresBroadcast } from './broadcast.ts';
import { type Client, openClient, openingFailure, repeatedly } from './connection.ts';
import { createLogReader } from './event-log.ts';
import { createFollowerCheckpoints } from './follower-checkpoints.ts';
import { createLeases } from './leases.ts';
import { forgetWriters, verifyNewest } from './log-start.ts';
import { createLogWriter } from './log-writer.ts';
import { migrateSchemas } from './migrate.ts';
import { openSignals, type Signals } from './signals.ts';
import { createStandings, type Standings } from './standings.ts';
import { createTicketStore } from './tickets.ts';
import { createVault } from './vault.ts';

const connectionsMax = 10;
const closeTimeoutSeconds = 5;
/** Longer than other nodes ever hold the log: an operator does. */
const lockTimeoutMs = 5_000;

export type PostgresStorage = {
  readonly log: EventLog;
  readonly checkpoints: FollowerCheckpoints;
  readonly vault: Vault;
  readonly tickets: ReturnType<typeof createTicketStore>;
  readonly leases: Leases;
  readonly signals: Signals;
  readonly broadcast: Broadcast;
  readonly standings: Standings;
  readonly close: () => Promise<void>;
};

/**
 * Opens the log and the vault of a database, which any number of processes may do at once.
 * @param url `postgres://USER:PASSWORD@HOST:PORT/DATABASE`
 * @throws DatabaseUnavailable, ChainBroken, LogHole, StoreTooNew.
 */
export async function openPostgresStorage(url: string): Promise<PostgresStorage> {
  try {
    return await repeatedly(() => open(url));
  } catch (error) {
    throw openingFailure(error, url);
  }
}

async function open(url: string): Promise<PostgresStorage> {
  await migrateSchemas(url);
  const sql = openClient(url, { max: connectionsMax });
  const writing = openClient(url, { max: 1, connection: { lock_timeout: lockTimeoutMs } });
  const close = () =>
    Promise.all([sql, writing].map((one) => one.end({ timeout: closeTimeoutSeconds })));
  try {
    return await assemble(sql, writing, close);
  } catch (error) {
    await close();
    throw error;
  }
}

async function assemble(sql: Client, writing: Client, close: () => Promise<unknown>) {
  await verifyNewest(sql);
  await forgetWriters(sql);
  const signals = await openSignals(sql, 'log_has_grown');
  const broadcast = createPostgresBroadcast(sql);
  const writer = createLogWriter(writing);
  return {
    log: {
      ...createLogReader(sql),
      async append(appends) {
        const outcomes = await writer.append(appends);
        if (outcomes.some((outcome) => outcome.ok && !outcome.isRepeated)) signals.broadcast();
        return outcomes;
      },
    },
    checkpoints: createFollowerCheckpoints(sql),
    vault: createVault(sql),
    tickets: createTicketStore(sql),
    leases: createLeases(sql),
    signals,
    broadcast,
    standings: createStandings(sql),
    async close() {
      await writer.idle();
      await Promise.all([signals.close(), broadcast.close()]);
      await close();
    },
  } satisfies PostgresStorage;
}
