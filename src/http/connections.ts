// Everything that stays open: how many a user has, and when one must end although its client would go on.
import type { User } from './access.ts';

/** Of each kind, for one user. */
export const openMax = 32;
/** A session that has ended may be seen for that long, five times within what is promised. */
const sweepMs = 1_000;
const stalledMsMax = 15_000;

export type EndReason = 'session-ended' | 'stalled' | 'shutdown' | 'failed';
export type ConnectionKind = 'sse' | 'websocket';

export type Connection = {
  readonly kind: ConnectionKind;
  readonly user: User;
  readonly end: (reason: EndReason) => void;
  /** When it began to take no more, by `performance.now()`; undefined while it keeps up. */
  readonly stalledSince: () => number | undefined;
  /** Keeps what lies between from closing it; called every few seconds. */
  readonly keepAlive: () => void;
};

export type Place = { readonly release: () => void };

export type Connections = ReturnType<typeof createConnections>;

const keepAliveSweeps = 5;

/** @param mayGoOn Whether the user could open the same connection now. */
export function createConnections(mayGoOn: (user: User) => boolean) {
  const open = new Set<Connection>();
  const held = { sse: new Map<string, number>(), websocket: new Map<string, number>() };
  const counts = { sse: noneYet(), websocket: noneYet() };
  let sweeps = 0;
  let isShuttingDown = false;

  function sweep() {
    sweeps += 1;
    const now = performance.now();
    for (const connection of open) {
      if (!mayGoOn(connection.user)) connection.end('session-ended');
      else if (now - (connection.stalledSince() ?? now) > stalledMsMax) connection.end('stalled');
      else if (sweeps % keepAliveSweeps === 0) connection.keepAlive();
    }
  }

  const timer = setInterval(sweep, sweepMs);
  timer.unref();

  return {
    size: () => open.size,

    /** By kind: how many are open, what they were given, and why others ended. */
    counts: () =>
      Object.entries(counts).map(([kind, { delivered, ended }]) => ({
        kind,
        open: [...open].filter((one) => one.kind === kind).length,
        delivered,
        ended,
      })),

    delivered(kind: ConnectionKind, entries: number): void {
      counts[kind].delivered += entries;
    },

    /** Takes one of the user's places for a connection of a kind; undefined if there is none left. */
    place(kind: ConnectionKind, { id }: User): Place | undefined {
      const places = held[kind];
      const count = places.get(id) ?? 0;
      if (count >= openMax || isShuttingDown) return undefined;
      places.set(id, count + 1);
      let isReleased = false;
      return {
        release() {
          if (isReleased) return;
          isReleased = true;
          const left = places.get(id)! - 1;
          if (left > 0) places.set(id, left);
          else places.delete(id);
        },
      };
    },

    add(connection: Connection): void {
      open.add(connection);
      if (isShuttingDown) connection.end('shutdown');
    },
    /** Once for each that was added. */
    remove(connection: Connection, reason: EndReason | 'left'): void {
      open.delete(connection);
      counts[connection.kind].ended[reason] += 1;
    },

    /** Ends all of them, and every later one at once. */
    close(): void {
      isShuttingDown = true;
      clearInterval(timer);
      for (const connection of open) connection.end('shutdown');
    },
  };
}

function noneYet() {
  return {
    delivered: 0,
    ended: { left: 0, 'session-ended': 0, stalled: 0, shutdown: 0, failed: 0 },
  };
}
