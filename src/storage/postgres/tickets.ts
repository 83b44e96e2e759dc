import { type Client, inTime } from './connection.ts';

/** Deleting a ticket answers it, so that of many who use it at once one gets it. */
export function createTicketStore(sql: Client) {
  return {
    async put(digest: string, holder: string, expiresAt: string): Promise<void> {
      await inTime(sql`
        INSERT INTO vault.tickets (digest, holder, expires_at)
        VALUES (${digest}, ${holder}, ${expiresAt})`);
    },
    async take(digest: string, now: string): Promise<string | undefined> {
      const [row] = await inTime(sql<{ holder: string; expiresAt: string }[]>`
        DELETE FROM vault.tickets WHERE digest = ${digest}
        RETURNING holder, expires_at AS "expiresAt"`);
      return row && row.expiresAt > now ? row.holder : undefined;
    },
  };
}
