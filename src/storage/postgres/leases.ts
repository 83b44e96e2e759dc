// Leases in PostgreSQL, whose clock alone counts.
import type { Sql, TransactionSql } from 'postgres';
import { type Epoch, LeaseLost, type Leases } from '../../kernel/lease.ts';
import { type Client, patiently } from './connection.ts';

export function createLeases(sql: Client): Leases {
  return {
    async acquire(name, owner, ttlMs) {
      const [row] = await patiently(
        () => sql<{ epoch: Epoch }[]>`
          INSERT INTO log.leases AS held (name, owner, epoch, expires_at)
          VALUES (${name}, ${owner}, 1, ${inMs(ttlMs)})
          ON CONFLICT (name) DO UPDATE
            SET owner = excluded.owner, epoch = held.epoch + 1, expires_at = excluded.expires_at
            WHERE held.expires_at <= clock_timestamp() OR held.owner = excluded.owner
          RETURNING epoch`,
      );
      return row?.epoch;
    },
    async renew(name, epoch, ttlMs) {
      const { count } = await patiently(
        () => sql`
          UPDATE log.leases SET expires_at = ${inMs(ttlMs)}
          WHERE name = ${name} AND epoch = ${epoch}`,
      );
      return count > 0;
    },
    async release(name, epoch) {
      await patiently(
        () => sql`
          UPDATE log.leases SET owner = '', epoch = epoch + 1, expires_at = '-infinity'
          WHERE name = ${name} AND epoch = ${epoch}`,
      );
    },
    async holds(name, epoch) {
      const rows = await patiently(
        () => sql`SELECT FROM log.leases WHERE name = ${name} AND epoch = ${epoch}`,
      );
      return rows.length > 0;
    },
  };

  function inMs(ms: number) {
    return sql`clock_timestamp() + ${ms} * interval '1 millisecond'`;
  }
}

/**
 * Keeps whatever this transaction commits under the lease: until then nobody else can acquire it.
 * @throws LeaseLost when somebody else has acquired it.
 */
export async function keepLease<Types extends Record<string, unknown>>(
  transaction: Sql<Types> | TransactionSql<Types>,
  name: string,
  epoch: Epoch,
): Promise<void> {
  const rows = await transaction`
    SELECT FROM log.leases WHERE name = ${name} AND epoch = ${epoch} FOR SHARE`;
  if (rows.length === 0) throw new LeaseLost(name);
}
