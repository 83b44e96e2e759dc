import { Database } from 'bun:sqlite';
import { join } from 'node:path';
import { getTableConfig, type SQLiteTable } from 'drizzle-orm/sqlite-core';
import { type AppEvent, registry } from '../events/index.ts';
import type { EventLog } from '../kernel/event-log.ts';
import { createEventStore } from '../kernel/event-store.ts';
import type { Projection } from '../kernel/projection.ts';
import type { Progress } from '../kernel/progress.ts';
import { createProjector, type ProjectorParts } from '../kernel/projector.ts';
import { rebuild } from '../kernel/rebuild.ts';
import { idOf, type StreamName } from '../kernel/stream.ts';
import { createMemoryLog } from '../storage/memory/event-log.ts';
import { openReadModel, openReadModelBeside } from '../storage/sqlite/read-model.ts';
import { countingIds } from './clock.ts';
import { temporaryDirectory } from './directory.ts';
import { keysInMemory } from './keys.ts';
import { appendOf } from './log.ts';
import { withoutBuild } from './rows.ts';

/** A log in memory and its read models in a real SQLite file of their own. */
export function readSide(projections: readonly Projection[], log: EventLog = createMemoryLog()) {
  const directory = temporaryDirectory();
  const file = join(directory.path, 'read-model.db');
  const besideFile = join(directory.path, 'rebuild.db');
  const readModel = openReadModel(file);
  const rows = new Database(file);
  const keys = keysInMemory();
  const keyring = keys.keyring();
  const newId = countingIds();
  const store = createEventStore({ log, registry, keyring });
  let progress: Progress | undefined;
  const onProgress = (now: Progress) => (progress = now);

  const projector = (changed: Partial<ProjectorParts> = {}) =>
    createProjector({ log, registry, keyring, readModel, projections, onProgress, ...changed });
  let running = projector();

  async function happens(stream: StreamName, event: AppEvent, time?: string) {
    const encoded = await registry.encode(event, { id: newId(), stream }, keyring);
    const writes = { stream, expected: 'any' as const, events: [encoded] };
    return await store.append(appendOf(writes, time === undefined ? {} : { time }));
  }

  async function beside(chosen: readonly Projection[], advance?: number) {
    const building = openReadModelBeside(besideFile, file, chosen);
    const builder = projector({ readModel: building, projections: chosen, onProgress: () => {} });
    try {
      if (advance !== undefined) await builder.advanceTo(advance as never);
      else
        await rebuild({
          log,
          projector: builder,
          beside: building,
          projections: chosen.map(({ name }) => name),
        });
    } finally {
      building.close();
    }
  }

  return {
    log,
    keys,
    file,
    besideFile,
    readModel,
    projector,
    happens,
    /** A user is registered with a key, an event and a row. */
    async registers(stream: StreamName, name: string) {
      keys.add(idOf(stream));
      const data = { email: `${name}@example.com`, name, role: 'user' as const };
      return await happens(stream, { type: 'UserRegistered', data });
    },
    /** Brings the rows to the head of the log. */
    async catchUp() {
      while (await running.advance());
    },
    /** As after the end of a process: nothing but the file is known. */
    restart(changed: Partial<ProjectorParts> = {}) {
      running = projector(changed);
    },
    reload: () => running.reload(),
    progress: () => progress,
    parked: async () =>
      (await readModel.parked()).map(({ projection, position }) => `${projection} ${position}`),
    /** Builds the rows beside and swaps them in. */
    rebuild: (chosen = projections) => beside(chosen),
    /** Builds beside as far as a position, and is interrupted there. */
    rebuildTo: (position: number, chosen = projections) => beside(chosen, position),
    builds: async () =>
      [...(await readModel.checkpoints())].map(
        ([projection, { build }]) => `${projection} ${build}`,
      ),
    /** Every row and checkpoint as it lies in the file, but for the names of the builds, which differ. */
    dump: () =>
      Object.fromEntries(
        ['checkpoints', 'parked_events', ...namesOf(projections)].map((table) => [
          table,
          rows
            .query<Record<string, unknown>, []>(`SELECT * FROM "${table}" ORDER BY 1, 2`)
            .all()
            .map(withoutBuild),
        ]),
      ),
    rowsOf: <Row = Record<string, unknown>>(table: SQLiteTable): Row[] =>
      rows.query<Row, []>(`SELECT * FROM "${getTableConfig(table).name}" ORDER BY rowid`).all(),
    run: (sql: string) => void rows.run(sql),
    close() {
      rows.close();
      readModel.close();
      directory.remove();
    },
  };
}

function namesOf(projections: readonly Projection[]) {
  return projections.flatMap(({ tables }) =>
    tables.map((table) => getTableConfig(table as SQLiteTable).name),
  );
}
