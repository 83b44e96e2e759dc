// Tickets open a stream where no header can be set: one use, thirty seconds, and no more than the
// session that they were made from.
import { createHash, randomBytes } from 'node:crypto';
import { LRUCache } from 'lru-cache';

const secondsMax = 30;
const outstandingMax = 50_000;

export type Ticket = { readonly ticket: string; readonly expiresAt: string };

/** Where tickets lie until they are used, by their SHA-256. */
export type TicketStore = {
  readonly put: (digest: string, holder: string, expiresAt: string) => Promise<void>;
  /** What was put there, once; undefined when it has expired. */
  readonly take: (digest: string, now: string) => Promise<string | undefined>;
};

export type Tickets<Holder> = {
  readonly issue: (holder: Holder) => Promise<Ticket>;
  /** Whose ticket it was; from now on nobody's. */
  readonly use: (ticket: string) => Promise<Holder | undefined>;
};

/** @param store Shared by the nodes; by default tickets are of use where they were made only. */
export function createTickets<Holder>(store: TicketStore = inMemory()): Tickets<Holder> {
  return {
    async issue(holder) {
      const ticket = randomBytes(32).toString('base64url');
      const expiresAt = new Date(Date.now() + secondsMax * 1_000).toISOString();
      await store.put(digestOf(ticket), JSON.stringify(holder), expiresAt);
      return { ticket, expiresAt };
    },

    async use(ticket) {
      const found = await store.take(digestOf(ticket), new Date().toISOString());
      return found === undefined ? undefined : (JSON.parse(found) as Holder);
    },
  };
}

function inMemory(): TicketStore {
  const outstanding = new LRUCache<string, { readonly holder: string; readonly expiresAt: string }>(
    { max: outstandingMax },
  );
  return {
    async put(digest, holder, expiresAt) {
      outstanding.set(digest, { holder, expiresAt });
    },
    async take(digest, now) {
      const found = outstanding.get(digest);
      outstanding.delete(digest);
      return found && found.expiresAt > now ? found.holder : undefined;
    },
  };
}

const digestOf = (ticket: string) => createHash('sha256').update(ticket).digest('base64url');
