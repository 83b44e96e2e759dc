import { TypeCompiler } from '@sinclair/typebox/compiler';
import type { NewEvent, StoredEvent } from './event-log.ts';
import type { DomainEvent, EventDefinition, EventMetadata, Recorded } from './event.ts';
import { type Keyring, type Opener, SealBroken } from './keyring.ts';
import type { StreamName } from './stream.ts';

type AnyDefinition = EventDefinition;
type Data = Record<string, unknown>;

/** An event that no definition allows to be stored; a defect of the decider that made it. */
export class InvalidEvent extends Error {
  override readonly name = 'InvalidEvent';
  readonly type: string;
  readonly problem: string;
  constructor(type: string, problem: string) {
    super(`The event ${type} is not as declared: ${problem}`);
    this.type = type;
    this.problem = problem;
  }
}

/** All event types of a system: checks and seals events on their way in, opens and upcasts them. */
export type EventRegistry = ReturnType<typeof createRegistry>;

export function createRegistry(definitions: readonly AnyDefinition[]) {
  const byType = new Map(definitions.map((one) => [one.type, compile(one)]));
  if (byType.size !== definitions.length) throw new Error('Two events share one type name.');

  function definitionOf(type: string) {
    const found = byType.get(type);
    if (!found) throw new InvalidEvent(type, 'no such type is declared.');
    return found;
  }

  /** Undefined for an event of an older shape: the rule that names the person is for the present one. */
  function ownerIn({ type, stream, schemaVersion }: StoredEvent, data: Data): string | undefined {
    const { definition } = definitionOf(type);
    if (schemaVersion !== definition.schemaVersion) return undefined;
    return definition.person?.({ stream, data: data as never });
  }

  return {
    types: [...byType.keys()] as readonly string[],
    definitionOf: (type: string): AnyDefinition => definitionOf(type).definition,
    /** Whether the stored text is what decoding and encoding it again would give. */
    isReadAsStored({ type, schemaVersion }: StoredEvent): boolean {
      const { definition } = definitionOf(type);
      return definition.personalFields.length === 0 && schemaVersion === definition.schemaVersion;
    },

    /** Checks an event against its schema, seals its personal fields and makes it JSON text. */
    async encode(
      event: DomainEvent,
      place: { readonly id: string; readonly stream: StreamName },
      keyring: Keyring,
    ): Promise<NewEvent> {
      const { definition, check } = definitionOf(event.type);
      if (!check.Check(event.data)) {
        const first = check.Errors(event.data).First();
        throw new InvalidEvent(event.type, `${first?.path}: ${first?.message}`);
      }
      const { type, schemaVersion } = definition;
      const data = await seal(definition, event.data as Data, place, keyring);
      return { id: place.id, type, schemaVersion, data: JSON.stringify(data) };
    },

    /** A page of stored events as the present code knows them; one fetch of keys a page. */
    async decode(stored: readonly StoredEvent[], keyring: Keyring): Promise<readonly Recorded[]> {
      const open = await this.decoder(stored, keyring);
      return stored.map(open);
    },

    /** Like `decode`, one by one: a broken event throws for itself and not for its page. */
    async decoder(
      stored: readonly StoredEvent[],
      keyring: Keyring,
    ): Promise<(event: StoredEvent) => Recorded> {
      const parsed = new Map<StoredEvent, Data>();
      const sealed: string[] = [];
      const sealedIn: StoredEvent[] = [];
      for (const event of stored) {
        const personalFields = byType.get(event.type)?.definition.personalFields ?? [];
        const data = personalFields.length > 0 ? tryParse(event) : undefined;
        if (!data) continue;
        parsed.set(event, data);
        for (const field of personalFields) {
          if (typeof data[field] !== 'string') continue;
          sealed.push(data[field]);
          sealedIn.push(event);
        }
      }
      const ownerOf = (index: number) => ownerIn(sealedIn[index]!, parsed.get(sealedIn[index]!)!);
      const open = sealed.length > 0 ? await keyring.opener(sealed, ownerOf) : openNothing;
      for (const { type, stream } of stored) {
        const erases = byType.get(type)?.definition.erases;
        if (erases) keyring.forget(erases({ stream }));
      }
      return (event) => {
        const { definition } = definitionOf(event.type);
        const data = parsed.get(event) ?? parse(event);
        return recorded(event, upcast(definition, event, unseal(data, definition, event, open)));
      };
    },
  };
}

function compile(definition: AnyDefinition) {
  return { definition, check: TypeCompiler.Compile(definition.schema) };
}

function parse({ type, data }: StoredEvent): Data {
  const parsed: unknown = JSON.parse(data);
  if (typeof parsed === 'object' && parsed !== null) return parsed as Data;
  throw new InvalidEvent(type, 'its data is no object.');
}

/** Nothing for a broken event: it throws when it is opened itself. */
function tryParse(event: StoredEvent): Data | undefined {
  try {
    return parse(event);
  } catch {
    return undefined;
  }
}

async function seal(
  definition: AnyDefinition,
  data: Data,
  place: { readonly id: string; readonly stream: StreamName },
  keyring: Keyring,
): Promise<Data> {
  if (definition.personalFields.length === 0) return data;
  const person = definition.person?.({ stream: place.stream, data: data as never }) ?? '';
  const sealed = { ...data };
  for (const field of definition.personalFields) {
    const text = data[field];
    if (typeof text !== 'string') continue;
    sealed[field] = await keyring.seal(person, text, placeOf(place, definition.type, field));
  }
  return sealed;
}

const openNothing: Opener = (_, place) => {
  throw new SealBroken(place);
};

function unseal(
  data: Data,
  { personalFields }: AnyDefinition,
  event: StoredEvent,
  open: Opener,
): Data {
  if (personalFields.length === 0) return data;
  const opened = { ...data };
  for (const field of personalFields) {
    const text = data[field];
    if (text === undefined) continue; // an older shape
    const place = placeOf(event, event.type, field);
    if (typeof text !== 'string') throw new SealBroken(place);
    opened[field] = open(text, place);
  }
  return opened;
}

/** The associated data of a sealed field: moved anywhere else, it does not open. */
function placeOf(
  { id, stream }: { readonly id: string; readonly stream: StreamName },
  type: string,
  field: string,
): string {
  return `${stream}/${id}/${type}/${field}`;
}

function upcast(definition: AnyDefinition, { schemaVersion }: StoredEvent, data: Data): Data {
  const { type, upcasters } = definition;
  if (schemaVersion > definition.schemaVersion) {
    throw new InvalidEvent(type, `schema version ${schemaVersion} is newer than this code.`);
  }
  let current: Readonly<Data> = data;
  for (const { up } of upcasters.slice(schemaVersion - 1)) current = up(current);
  return current;
}

function recorded(event: StoredEvent, data: Data): Recorded {
  const { position, id, stream, version, type, time } = event;
  return {
    position,
    id,
    stream,
    version,
    type,
    data,
    time,
    get meta() {
      return JSON.parse(event.meta) as EventMetadata;
    },
  };
}
