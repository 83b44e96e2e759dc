// The read models in PostgreSQL: rows, checkpoints and parked events, moved in one transaction. All
// statements of a call travel together, in few groups; when the rows refuse one of them, the call is
// tried again change by change, to find the step that is to blame.
import type { PgTable } from 'drizzle-orm/pg-core';
import postgres, { type PostgresError, type TransactionSql } from 'postgres';
import type { RowChange } from '../../kernel/projection.ts';
import {
  CheckpointMoved,
  keptText,
  type ParkedEvent,
  type ProjectionBatch,
  type ReadModel,
  UnappliableStep,
} from '../../kernel/read-model.ts';
import type { Position } from '../../kernel/stream.ts';
import { NoSuchRow } from '../no-such-row.ts';
import { type Group, groupOf, groupsOf } from './row-groups.ts';
import { statementOf } from './row-statements.ts';
import { rowTables } from './row-tables.ts';

const connectionsMax = 4;

/** A client whose 64-bit integers are numbers, and whose commits do not wait for the disk. */
export function openReadModelClient(url: string) {
  return postgres(url, {
    max: connectionsMax,
    onnotice: () => {},
    connection: { application_name: 'refold read models', synchronous_commit: 'off' },
    types: { position: { to: 20, from: [20], serialize: String, parse: Number } },
  });
}

export type ReadModelClient = ReturnType<typeof openReadModelClient>;
type Transaction = TransactionSql<{ position: number }>;

export type PostgresReadModelParts = {
  readonly sql: ReadModelClient;
  readonly schema: string;
  /** The PostgreSQL table of a declared one. */
  readonly twinOf: (declared: unknown) => PgTable;
  /**
   * Asked first in each transaction that moves a checkpoint; throws when the caller no longer owns the
   * projections. A row that it reads FOR SHARE stays as it is until the commit.
   */
  readonly fence?: (transaction: Transaction) => Promise<void>;
};

type CheckpointRow = { projection: string; version: number; position: Position };
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
    const [first] = group.rows;
    if (count < group.rows.length) throw new NoSuchRow(group.table.name, first!.key);
  }

  function advance(transaction: Transaction, { projection, from, to }: ProjectionBatch) {
    return transaction`
      UPDATE ${checkpoints} SET position = ${to}
      WHERE projection = ${projection} AND position = ${from}`;
  }

  async function keepParked(transaction: Transaction, batches: readonly ProjectionBatch[]) {
    const parked = batches.flatMap((batch) => batch.parked.map(toRow));
    if (parked.length > 0) await transaction`INSERT INTO ${parkedEvents} ${transaction(parked)}`;
    for (const { projection, unparked } of batches) {
      for (const position of unparked) {
        await transaction`
          DELETE FROM ${parkedEvents} WHERE projection = ${projection} AND position = ${position}`;
      }
    }
  }

  /** Everything in flight at once; what fails first, in the order of sending, is what failed. */
  function transact(batches: readonly ProjectionBatch[], work: Work): Promise<unknown> {
    return sql.begin(async (transaction) => {
      await fence?.(transaction);
      // Always in the same order, so that two who move several checkpoints never wait for each other.
      const sorted = batches.toSorted((a, b) => (a.projection < b.projection ? -1 : 1));
      const moving = sorted.map(async (batch) => {
        const { count } = await advance(transaction, batch);
        if (count !== 1) throw new CheckpointMoved(batch.projection, batch.from);
      });
      await firstFailure([
        ...moving,
        ...work((group) => run(transaction, group)),
        keepParked(transaction, batches),
      ]);
    });
  }

  async function applyOneByOne(batches: readonly ProjectionBatch[]): Promise<void> {
    const changes = [...changesOf(batches)];
    await transact(batches, (send) =>
      changes.map(async ({ projection, position, change }) => {
        try {
          await send(groupOf(change, tableOf(change.table)));
        } catch (error) {
          if (!isRefusalOfRows(error)) throw error;
          throw new UnappliableStep(projection, position, error.message);
        }
      }),
    );
  }

  async function apply(batches: readonly ProjectionBatch[]): Promise<void> {
    const changes = changesOf(batches).map(({ change }) => change);
    try {
      await transact(batches, (send) => groupsOf(changes, tableOf).map(send));
    } catch (error) {
      if (!isRefusalOfRows(error)) throw error;
      await applyOneByOne(batches);
    }
  }

  return {
    async checkpoints() {
      const rows = await sql<CheckpointRow[]>`
        SELECT projection, version, position FROM ${checkpoints}`;
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
        INSERT INTO ${checkpoints} (projection, version, position)
        VALUES (${projection}, ${version}, 0) ON CONFLICT DO NOTHING`;
    },
    apply,
  };
}

type Work = (send: (group: Group) => Promise<void>) => readonly Promise<void>[];

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
  if (error instanceof TypeError || error instanceof NoSuchRow) return true;
  return /^2[23]\w{3}$/.test(codeOf(error));
}
