// Who may see which event in a stream, and what of it. What no rule names is for admins only, so that
// a new kind of event is not shown before somebody has thought about it.
import { erased, type Recorded, reveal } from '../kernel/event.ts';
import { categoryOf, idOf } from '../kernel/stream.ts';
import type { User } from './access.ts';

/** An event as streams carry it. */
export type EventView = {
  readonly id: string;
  readonly type: string;
  readonly stream: string;
  readonly version: number;
  readonly position: number;
  readonly time: string;
  readonly data: Readonly<Record<string, unknown>>;
  readonly meta: {
    readonly actorId: string;
    readonly correlationId: string;
    readonly causationId: string;
  };
};

/** In which form a viewer gets an event: viewers of one audience get the same bytes. */
export type Audience = 'everyone' | 'person' | 'admin';

const forEveryone = ['product-', 'message-'];
/** Told to the person only, never to an admin who watches. */
export const withheld = new Set(['email']);

/** Undefined if this viewer may not see the event at all. */
export function audienceOf(event: Recorded, viewer: Pick<User, 'id' | 'role'>) {
  const { stream } = event;
  for (const prefix of forEveryone) {
    if (stream.startsWith(prefix)) return 'everyone' satisfies Audience;
  }
  if (personOf(event) === viewer.id) return 'person' satisfies Audience;
  return viewer.role === 'admin' ? ('admin' satisfies Audience) : undefined;
}

/** Whom an event is about, where it concerns one person alone. */
function personOf({ stream, data }: Recorded): string | undefined {
  const category = categoryOf(stream);
  if (category === 'user') return idOf(stream);
  return category === 'notification' ? (data as { userId?: string }).userId : undefined;
}

export function eventView(event: Recorded, audience: Audience): EventView {
  const { id, type, stream, version, position, time } = event;
  const { actorId, correlationId, causationId } = event.meta;
  const meta = { actorId, correlationId, causationId };
  return { id, type, stream, version, position, time, data: shown(event, audience), meta };
}

/** What is stored of an event as JSON text. */
type StoredText = {
  /** Undefined unless it may be shown as it is. */
  readonly data: string | undefined;
  /** Three members and no other. */
  readonly meta: string;
};

/** The same as JSON text, for streams, at a third of the cost. */
export function eventText(event: Recorded, stored: StoredText, audience: Audience): string {
  const { id, type, stream, version, position, time } = event;
  const data = stored.data ?? JSON.stringify(shown(event, audience));
  const place = `"stream":${JSON.stringify(stream)},"version":${version},"position":${position}`;
  return `{"id":"${id}","type":"${type}",${place},"time":"${time}","data":${data},"meta":${stored.meta}}`;
}

function shown({ data }: Recorded, audience: Audience): Record<string, unknown> {
  const values = data as Record<string, unknown>;
  const isWithheld = (name: string) => audience === 'admin' && withheld.has(name);
  const isAltered = (name: string) => values[name] === erased || isWithheld(name);
  const names = Object.keys(values);
  if (!names.some(isAltered)) return values; // nearly always
  const seen = names.filter((name) => !isWithheld(name)).map((name) => [name, values[name]]);
  return Object.fromEntries(
    seen.map(([name, value]) => [name, value === erased ? reveal(erased) : value]),
  );
}
