// Tickets open a stream where no header can be set: one use, thirty seconds, and no more than the
// session that they were made from.
import { createHash, randomBytes } from 'node:crypto';
import { LRUCache } from 'lru-cache';

const secondsMax = 30;
const outstandingMax = 50_000;

export type Ticket = { readonly ticket: string; readonly expiresAt: string };

export type Tickets<Holder> = ReturnType<typeof createTickets<Holder>>;

export function createTickets<Holder>() {
  const outstanding = new LRUCache<string, { readonly holder: Holder; readonly expiresAt: number }>(
    {
      max: outstandingMax,
    },
  );

  return {
    issue(holder: Holder): Ticket {
      const ticket = randomBytes(32).toString('base64url');
      const expiresAt = Date.now() + secondsMax * 1_000;
      outstanding.set(digestOf(ticket), { holder, expiresAt });
      return { ticket, expiresAt: new Date(expiresAt).toISOString() };
    },

    /** Whose ticket it was; from now on nobody's. */
    use(ticket: string): Holder | undefined {
      const digest = digestOf(ticket);
      const found = outstanding.get(digest);
      outstanding.delete(digest);
      return found && found.expiresAt > Date.now() ? found.holder : undefined;
    },
  };
}

const digestOf = (ticket: string) => createHash('sha256').update(ticket).digest('base64url');
