// The frames of server-sent events, with the schemas that the events were declared with.
import type { EventDefinition } from '../kernel/event.ts';
import type { EventRegistry } from '../kernel/registry.ts';
import { Id, Position, Time, Version } from './schemas.ts';
import { withheld } from './visibility.ts';

type Schema = Readonly<Record<string, unknown>>;

export const reference = (name: string) => ({ $ref: `#/components/schemas/${name}` });

export const sharedSchemas = {
  Id,
  Position,
  Time,
  Version,
  EventMeta: strictly({
    actorId: { type: 'string', description: 'Who caused it: a user, or a part of the system.' },
    correlationId: { type: 'string', description: 'The request that it belongs to.' },
    causationId: { type: 'string', description: 'What directly caused it.' },
  }),
};

export const resetMessage = {
  name: 'reset',
  title: 'Forget what you know',
  summary: 'The position to resume from is none of this log; the stream starts live behind `head`.',
  headers: frame('reset'),
  payload: strictly({ head: reference('Position') }),
};

/** One message for each type, by its name. */
export function eventMessages(registry: EventRegistry) {
  return Object.fromEntries(
    registry.types.map((type) => [type, messageOf(registry.definitionOf(type))] as const),
  );
}

function messageOf(definition: EventDefinition) {
  const { type } = definition;
  return {
    name: type,
    title: type,
    headers: frame(type),
    payload: strictly({
      id: reference('Id'),
      type: { type: 'string', const: type },
      stream: { type: 'string', description: 'What it happened to: a kind, a dash and an id.' },
      version: reference('Version'),
      position: reference('Position'),
      time: reference('Time'),
      data: dataOf(definition),
      meta: reference('EventMeta'),
    }),
  };
}

function dataOf({ schema, personalFields }: EventDefinition): Schema {
  const { properties, required = [], ...rest } = schema;
  const shown = Object.entries(properties).map(([name, field]) => [
    name,
    personalFields.includes(name) ? personalText(name) : field,
  ]);
  return {
    ...rest,
    properties: Object.fromEntries(shown) as Schema,
    required: required.filter((name) => !withheld.has(name)),
  };
}

function personalText(name: string): Schema {
  const who = withheld.has(name) ? 'Sent to the person only. ' : '';
  return { type: 'string', description: `${who}\`[erased]\` once the person has been erased.` };
}

/** What stands before the data of a frame. */
function frame(event: string) {
  return {
    type: 'object',
    required: ['id', 'event'],
    properties: { id: reference('Position'), event: { type: 'string', const: event } },
  };
}

export function strictly(properties: Schema, optional: readonly string[] = []) {
  const required = Object.keys(properties).filter((name) => !optional.includes(name));
  return { type: 'object', additionalProperties: false, required, properties };
}
