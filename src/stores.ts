// Opens the stores of the configured engine.
import { createTickets, type Tickets } from './auth/tickets.ts';
import type { Config } from './config.ts';
import type { User } from './http/access.ts';
import type { Broadcast } from './kernel/broadcast.ts';
import type { Leases } from './kernel/lease.ts';
import type { Standings } from './storage/postgres/standings.ts';
import { openSqliteStorage, type Storage } from './storage/sqlite/storage.ts';

/** How the processes on one log agree with each other. */
export type Nodes = {
  readonly leases: Leases;
  readonly standings: Standings;
  readonly broadcast: Broadcast;
  /** Calls back when another process may have appended: a hint. */
  readonly onHint: (waken: () => void) => void;
};

export type Stores = Storage & {
  readonly tickets: Tickets<User>;
  /** Undefined where this process is the only one that appends. */
  readonly nodes?: Nodes;
};

/**
 * @param onWriterGone Called when nothing can be written any more until a restart.
 * @throws What the engines throw: see `openSqliteStorage` and `openPostgresStorage`.
 */
export async function openStores(
  { database, dataDirectory }: Config,
  onWriterGone: (error: Error) => void,
): Promise<Stores> {
  if (database.engine === 'sqlite') {
    const storage = await openSqliteStorage(dataDirectory, onWriterGone);
    return { ...storage, tickets: createTickets() };
  }
  const { openPostgresStorage } = await import('./storage/postgres/storage.ts');
  const { leases, signals, broadcast, standings, tickets, ...storage } = await openPostgresStorage(
    database.url,
  );
  return {
    ...storage,
    tickets: createTickets(tickets),
    nodes: { leases, standings, broadcast, onHint: (waken) => void signals.subscribe(waken) },
  };
}
