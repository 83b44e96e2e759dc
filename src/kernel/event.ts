// Events are declared once, as TypeBox schemas. The declaration gives the static type, the check
// before an append, the documentation of the streams, and the marks for what identifies a person.
import {
  type Static,
  type TObject,
  type TProperties,
  type TString,
  type TUnsafe,
  Type,
} from '@sinclair/typebox';
import type { Position, StreamName, Version } from './stream.ts';
import type { Timestamp } from './time.ts';

declare const erasedBrand: unique symbol;

/** What is left of a personal field once its person has been erased. */
export type Erased = { readonly [erasedBrand]: true };
export const erased = Object.freeze({}) as Erased;

/** The text of a field that identifies a person, or what erasing left of it. */
export type Personal = string | Erased;

/** What a viewer sees of a personal field. */
export function reveal(value: Personal): string {
  return typeof value === 'string' ? value : '[erased]';
}

export type TPersonal = TUnsafe<Personal> & { readonly personal: true };

/** Marks a field for encryption under its person's key, from its way into the log onwards. */
export function personal(schema: TString): TPersonal {
  return { ...schema, personal: true } as unknown as TPersonal;
}

/** An event before it is stored: what happened, and the values that explain it. */
export type DomainEvent = { readonly type: string; readonly data: object };

export type EventMetadata = {
  /** Who caused it: a user's id, or the name of a part of the system. */
  readonly actorId: string;
  /** The request that all of this belongs to. */
  readonly correlationId: string;
  /** The request, command or event that directly caused this one. */
  readonly causationId: string;
};

/** An event as it is read back, with its place and metadata. */
export type Recorded<Event extends DomainEvent = DomainEvent> = Event & {
  readonly position: Position;
  readonly id: string;
  readonly stream: StreamName;
  readonly version: Version;
  readonly time: Timestamp;
  readonly meta: EventMetadata;
};

/** One step from a stored shape to the next: `up` turns version `from` into `from + 1`. */
export type Upcaster = {
  readonly from: number;
  readonly up: (data: Readonly<Record<string, unknown>>) => Readonly<Record<string, unknown>>;
};

type Subject<Data> = (event: { readonly stream: StreamName; readonly data: Data }) => string;

export type EventOptions<Data> = {
  /** Whose key encrypts the personal fields; required as soon as there is one. */
  readonly person?: Subject<Data>;
  /** Who is erased by it: whoever meets it in the log forgets their key. */
  readonly erases?: (event: { readonly stream: StreamName }) => string;
  readonly upcasters?: readonly Upcaster[];
};

export type EventDefinition<Name extends string = string, Data extends object = object> = {
  readonly type: Name;
  readonly schema: TObject;
  /** Derived from the upcasters, so that it cannot be forgotten. */
  readonly schemaVersion: number;
  readonly personalFields: readonly string[];
  readonly person: Subject<never> | undefined;
  readonly erases: ((event: { readonly stream: StreamName }) => string) | undefined;
  readonly upcasters: readonly Upcaster[];
  /** Carries the static type of `data`; has no value. */
  readonly data?: Data | undefined;
};

/**
 * Declares an event.
 * @throws Error when a personal field has no person whose key could encrypt it.
 */
export function event<Name extends string, Fields extends TProperties>(
  type: Name,
  fields: Fields,
  options: EventOptions<Static<TObject<Fields>>> = {},
): EventDefinition<Name, Static<TObject<Fields>>> {
  const { person, erases, upcasters = [] } = options;
  const personalFields = Object.keys(fields).filter((name) => fields[name]?.['personal'] === true);
  if (personalFields.length > 0 && person === undefined) {
    throw new Error(`Event ${type} has personal fields (${personalFields}) but names no person.`);
  }
  const schemaVersion = upcasters.length + 1;
  if (upcasters.some(({ from }, index) => from !== index + 1)) {
    throw new Error(`The upcasters of ${type} must lead from version 1 to ${schemaVersion}.`);
  }
  const schema = Type.Object<TProperties>(fields, { additionalProperties: false });
  return { type, schema, schemaVersion, personalFields, person, erases, upcasters };
}

/** The event type of a definition: `EventOf<typeof ProductCreated>`. */
export type EventOf<Definition> =
  Definition extends EventDefinition<infer Name, infer Data>
    ? { readonly type: Name; readonly data: Readonly<Data> }
    : never;
