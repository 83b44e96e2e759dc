// The read models in PostgreSQL: rows, checkpoints and parked events, moved in one transaction. All
// statements of a call travel together, in few groups; when the rows refuse one of them, the call is
// tried again in parts, to find the step that is to blame.
import type { PgTable } from 'drizzle-orm/pg-core';
import type { PostgresError } from 'postgres';
import type { RowChange } from '../../kernel/projection.ts';
import {
  type Checkpoint,
  CheckpointMoved,
  keptText,
  type ParkedEvent,
  type ProjectionBatch,
  type ReadModel,
  UnappliableStep,
} from '../../kernel/read-model.ts';
import type { Position } from '../../kernel/stream.ts';
import { UnkeptValue } from '../kept-value.ts';
import { NoSuchRow } from '../no-such-row.ts';
import { type Client, openClient } from './connection.ts';
import { type Group, groupOf, groupsOf } from './row-groups.ts';
import { statementOf } from './row-statements.ts';
import { rowTables } from './row-tables.ts';

const connectionsMax = 4;
/** Changes that are tried together while one that the rows refuse is looked for. */
const partSize = 100;

/** What a process that sleeps in the middle of a transaction holds is let go then: no longer than a lease lasts. */
export const asleepMsMax = 2_000;

/**
 * Its commits do not wait for the disk, and its statements may take as long as an index needs.
 * @param idleMsMax How long a transaction may wait for the next statement, with all it has locked; 0 for ever.
 */
export function openReadModelClient(url: string, idleMsMax: number = asleepMsMax): Client {
  return openClient(url, {
    max: connectionsMax,
    connection: {
      application_name: 'refold read models',
      synchronous_commit: 'off',
      statement_timeout: 0,
      lock_timeout: 0,
      idle_in_transaction_session_timeout: idleMsMax,
    },
  });
}

export type Transaction = Parameters<Parameters<Client['begin']>[1]>[0];

export type PostgresReadModelParts = {
  readonly sql: Client;
  readonly schema: string;
  /** The PostgreSQL table of a declared one. */
  readonly twinOf: (declared: unknown) => PgTable;
  /**
   * Asked first in each transaction that moves a checkpoint; throws when the caller no longer owns the
   * projections. A row that it reads FOR SHARE stays as it is until the commit.
   */
  readonly fence?: (transaction: Transaction) => Promise<void>;
};

type CheckpointRow = Checkpoint & { readonly projection: string };
type Change = {
  readonly projection: string;
  readonly position: Position;
  readonly change: RowChange;
};

/** Rows in one schema, whose tables are there already. */
export function postgresReadModel(parts: PostgresReadModelParts): ReadModel {
  const { sql, schema, twinOf, fence } = parts;
  const checkpoints = sql(`${schema}.checkpoints`);
  const parkedEvents = sql(`${schema}.parked_events`);
  const tableOf = rowTables(twinOf);

  async function run(transaction: Transaction, group: Group): Promise<void> {
    const { text, values } = statementOf(schema, group);
    const { count } = await transaction.unsafe(text, [...values], { prepare: true });
    if (count >= group.rows.length || group.kind === 'erase') return;
    throw new NoSuchRow(group.table.name, group.rows[0]!.key);
  }

  function advance(transaction: Transaction, batch: ProjectionBatch) {
    const { projection, from, to, build = null } = batch;
    return transaction`
      UPDATE ${checkpoints} SET position = ${to}
      WHERE projection = ${projection} AND position = ${from}
        AND (${build}::text IS NULL OR ${build} = coalesce(build, ''))`;
  }

  function nameBuild(transaction: Transaction, projection: string) {
    return transaction`
      UPDATE ${checkpoints} SET build = ${crypto.randomUUID()} WHERE projection = ${projection}`;
  }

  async function keepParked(transaction: Transaction, batches: readonly ProjectionBatch[]) {
    const parked = batches.flatMap((batch) => batch.parked.map(toRow));
    if (parked.length > 0) await transaction`INSERT INTO ${parkedEvents} ${transaction(parked)}`;
    for (const { projection, unparked } of batches) {
      if (unparked.length > 0) await nameBuild(transaction, projection);
      for (const position of unparked) {
        await transaction`
          DELETE FROM ${parkedEvents} WHERE projection = ${projection} AND position = ${position}`;
      }
    }
  }

  /** Moves the checkpoints and does the work, all in flight at once. */
  function transact(batches: readonly ProjectionBatch[], work: Work): Promise<unknown> {
    return sql.begin(async (transaction) => {
      await fence?.(transaction);
      // Always in the same order, so that two who move several checkpoints never wait for each other.
      const sorted = batches.toSorted((a, b) => (a.projection < b.projection ? -1 : 1));
      const moving = sorted.map(async (batch) => {
        const { count } = await advance(transaction, batch);
        if (count !== 1) throw new CheckpointMoved(batch.projection, batch.from);
      });
      await firstFailure([...moving, work(transaction), keepParked(transaction, batches)]);
    });
  }

  function applyGroups(transaction: Transaction, changes: readonly Change[]): Promise<void> {
    const groups = groupsOf(changes, tableOf);
    return firstFailure(groups.map((group) => run(transaction, group)));
  }

  /** @throws UnappliableStep for the first change that the rows refuse. */
  function applyEach(transaction: Transaction, changes: readonly Change[]): Promise<void> {
    return firstFailure(
      changes.map(async ({ projection, position, change }) => {
        try {
          await run(transaction, groupOf(change, tableOf(change.table)));
        } catch (error) {
          if (!isRefusalOfRows(error)) throw error;
          throw new UnappliableStep(projection, position, reasonOf(error));
        }
      }),
    );
  }

  /** In small parts, of which the one that is refused is tried again change by change. */
  async function applyInParts(transaction: Transaction, changes: readonly Change[]): Promise<void> {
    for (let start = 0; start < changes.length; start += partSize) {
      const part = changes.slice(start, start + partSize);
      try {
        await transaction.savepoint((inner) => applyGroups(inner, part));
      } catch (error) {
        if (!isRefusalOfRows(error)) throw error;
        await applyEach(transaction, part);
      }
    }
  }

  async function apply(batches: readonly ProjectionBatch[]): Promise<void> {
    const changes = [...changesOf(batches)];
    try {
      await transact(batches, (transaction) => applyGroups(transaction, changes));
    } catch (error) {
      if (!isRefusalOfRows(error)) throw error;
      await transact(batches, (transaction) => applyInParts(transaction, changes));
    }
  }

  return {
    async checkpoints() {
      const rows = await sql<CheckpointRow[]>`
        SELECT projection, version, position, coalesce(build, '') AS build FROM ${checkpoints}`;
      return new Map(rows.map(({ projection, ...at }) => [projection, at]));
    },
    async parked() {
      const rows = await sql<ParkedEvent[]>`
        SELECT projection, position, stream, type, time, reason
        FROM ${parkedEvents} ORDER BY position`;
      return [...rows];
    },
    async begin(projection, version) {
      await sql`
        INSERT INTO ${checkpoints} (projection, version, position, build)
        VALUES (${projection}, ${version}, 0, ${crypto.randomUUID()}) ON CONFLICT DO NOTHING`;
    },
    apply,
  };
}

/** In the words of the other engine where it has some, so that both park an event alike. */
function reasonOf(error: Error): string {
  const { code, table_name, column_name, detail } = error as Partial<PostgresError>;
  if (code === '23502') return `NOT NULL constraint failed: ${table_name}.${column_name}`;
  const [, columns] = /^Key \((.+?)\)=/.exec(detail ?? '') ?? [];
  if (code !== '23505' || columns === undefined) return (error as Error).message;
  const names = columns.split(', ').map((column) => `${table_name}.${column}`);
  return `UNIQUE constraint failed: ${names.join(', ')}`;
}

type Work = (transaction: Transaction) => Promise<void>;

function* changesOf(batches: readonly ProjectionBatch[]): Generator<Change> {
  for (const { projection, steps } of batches) {
    for (const { position, changes } of steps) {
      for (const change of changes) yield { projection, position, change };
    }
  }
}

function toRow({ projection, position, stream, type, time, reason }: ParkedEvent) {
  return { projection, position, stream, type, time, reason: keptText(reason) };
}

/** After one statement has failed, the later ones fail because of it. */
async function firstFailure(sent: readonly Promise<unknown>[]): Promise<void> {
  const outcomes = await Promise.allSettled(sent);
  const failures = outcomes.filter((outcome) => outcome.status === 'rejected');
  const cause = failures.find(({ reason }) => codeOf(reason) !== failedBefore) ?? failures[0];
  if (cause) throw cause.reason;
}

const failedBefore = '25P02';

function codeOf(error: unknown): string {
  return (error as Partial<PostgresError>).code ?? '';
}

/** The rows refuse this, now and whenever it is tried: bad data or a constraint; any other failure may pass. */
function isRefusalOfRows(error: unknown): error is Error {
  if (error instanceof UnkeptValue || error instanceof NoSuchRow) return true;
  return /^2[23]\w{3}$/.test(codeOf(error));
}
