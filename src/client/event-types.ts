// Events as the server shows them, typed from the registry of what the log can hold.
import type { AppEvent } from '../events/index.ts';
import type { Erased, EventMetadata } from '../kernel/event.ts';

/** A personal field is shown as text, `[erased]` once its person has been erased. */
type Shown<Field> = Erased extends Field ? string : Field;

/** Addresses are shown to nobody but their person. */
type ShownData<Data> = {
  readonly [Name in keyof Data as Name extends 'email' ? never : Name]: Shown<Data[Name]>;
} & ('email' extends keyof Data ? { readonly email?: string } : unknown);

type Live<Event> = Event extends {
  readonly type: infer Type extends string;
  readonly data: infer Data;
}
  ? {
      readonly type: Type;
      readonly data: ShownData<Data>;
      readonly id: string;
      readonly stream: string;
      readonly version: number;
      readonly position: number;
      readonly time: string;
      readonly meta: EventMetadata;
    }
  : never;

/** Any event that the log can hold. */
export type LiveEvent = Live<AppEvent>;
export type EventType = LiveEvent['type'];

/** The events of these types. */
export type EventOfType<Type extends EventType> = Extract<LiveEvent, { readonly type: Type }>;

export type NotificationEvent = Extract<LiveEvent, { readonly type: `Notification${string}` }>;
