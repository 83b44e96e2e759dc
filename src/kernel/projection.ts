import type { DomainEvent, Recorded } from './event.ts';

type Values = Readonly<Record<string, unknown>>;

/** What a projection wants done to one row, or to all rows of a person; an engine applies it. */
export type RowChange<Table = unknown> =
  | { readonly kind: 'insert'; readonly table: Table; readonly row: Values }
  | { readonly kind: 'patch'; readonly table: Table; readonly key: Values; readonly values: Values }
  | {
      readonly kind: 'increment';
      readonly table: Table;
      readonly key: Values;
      readonly by: Readonly<Record<string, number>>;
    }
  | { readonly kind: 'remove'; readonly table: Table; readonly key: Values }
  | {
      /**
       * Of every row that matches, however many: takes it out, or puts `values` in the place of what must go.
       * What stood there is left nowhere that the engine could overwrite.
       */
      readonly kind: 'erase';
      readonly table: Table;
      readonly key: Values;
      readonly values?: Values;
    };

export type RowChanges = RowChange | readonly RowChange[];

/** How events become rows: pure, so that the same events give the same rows at any time. */
export type Projection = {
  /** Also the name of its checkpoint. */
  readonly name: string;
  /** Raising it makes the next start build the rows anew. */
  readonly version: number;
  readonly tables: readonly unknown[];
  readonly handles: ReadonlySet<string>;
  readonly changesOf: (event: Recorded) => readonly RowChange[];
};

type Handlers<Event extends DomainEvent> = {
  readonly [Type in Event['type']]?: (
    event: Recorded<Extract<Event, { type: Type }>>,
  ) => RowChanges;
};

/** Checks each handler against its own event type, then forgets the types to fit one list. */
export function defineProjection<Event extends DomainEvent>(definition: {
  readonly name: string;
  readonly version: number;
  readonly tables: readonly unknown[];
  readonly on: Handlers<Event>;
}): Projection {
  const { name, version, tables, on } = definition;
  const handlers = new Map(Object.entries(on) as [string, (event: Recorded) => RowChanges][]);
  return {
    name,
    version,
    tables,
    handles: new Set(handlers.keys()),
    changesOf: (event) => {
      const changes = handlers.get(event.type)?.(event) ?? [];
      return Array.isArray(changes) ? changes : [changes as RowChange];
    },
  };
}
