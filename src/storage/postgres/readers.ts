// What a thread that projects reads, and how it agrees with the others on who does it.
import type { EventLog } from '../../kernel/event-log.ts';
import type { Leases } from '../../kernel/lease.ts';
import { openClient, openingFailure, repeatedly } from './connection.ts';
import { createLogReader } from './event-log.ts';
import { createLeases } from './leases.ts';
import { openSignals, type Signals } from './signals.ts';
import { createVaultReader } from './vault-reader.ts';

const connectionsMax = 3;

export type PostgresReaders = {
  readonly log: Omit<EventLog, 'append'>;
  readonly vault: ReturnType<typeof createVaultReader>;
  readonly leases: Leases;
  /** That rows have moved. */
  readonly signals: Signals;
  readonly close: () => Promise<void>;
};

/**
 * Opens a database whose log and vault have been migrated.
 * @throws DatabaseUnavailable
 */
export async function openPostgresReaders(url: string): Promise<PostgresReaders> {
  try {
    return await repeatedly(() => open(url));
  } catch (error) {
    throw openingFailure(error, url);
  }
}

async function open(url: string): Promise<PostgresReaders> {
  const sql = openClient(url, {
    max: connectionsMax,
    connection: { application_name: 'refold projector' },
  });
  try {
    const signals = await openSignals(sql, 'rows_have_moved');
    return {
      log: createLogReader(sql),
      vault: createVaultReader(sql),
      leases: createLeases(sql),
      signals,
      async close() {
        await signals.close();
        await sql.end();
      },
    };
  } catch (error) {
    await sql.end();
    throw error;
  }
}
