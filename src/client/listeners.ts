// Who is told of which events. Listeners are told one after the other, and a slow one holds the events
// back instead of letting them pile up.

export type Typed = { readonly type: string };

type Chosen<Event extends Typed, Type> = Type extends '*'
  ? Event
  : Extract<Event, { readonly type: Type }>;

/** Whatever it answers is awaited. */
export type Listener<Event> = (event: Event) => unknown;

/** Listens to one type of event, or to all of them; answers how to stop listening. */
export type On<Event extends Typed> = <Type extends Event['type'] | '*'>(
  type: Type,
  listener: Listener<Chosen<Event, Type>>,
) => () => void;

export function createListeners<Event extends Typed>(onError: (error: unknown) => void) {
  const entries = new Set<{ readonly type: string; readonly listener: Listener<Event> }>();

  const on: On<Event> = (type, listener) => {
    const entry = { type, listener: listener as Listener<Event> };
    entries.add(entry);
    return () => void entries.delete(entry);
  };

  async function tell(event: Event): Promise<void> {
    for (const { type, listener } of entries) {
      if (type !== '*' && type !== event.type) continue;
      try {
        await listener(event);
      } catch (error) {
        onError(error);
      }
    }
  }

  return { on, tell };
}
