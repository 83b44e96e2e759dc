// Who may see which event in a stream, and what of it. What no rule names is for admins only, so that
// a new kind of event is not shown before somebody has thought about it.
import { type Erased, erased, type Recorded, reveal } from '../kernel/event.ts';
import { idOf } from '../kernel/stream.ts';
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

const forEveryone = new Set(['product', 'message']);
/** Told to the person only, never to an admin who watches. */
export const withheld = new Set(['email']);

/** Undefined if this viewer may not see the event at all. */
export function audienceOf(event: Recorded, viewer: Pick<User, 'id' | 'role'>) {
  const category = event.stream.slice(0, event.stream.indexOf('-'));
  if (forEveryone.has(category)) return 'everyone' satisfies Audience;
  if (personOf(category, event) === viewer.id) return 'person' satisfies Audience;
  return viewer.role === 'admin' ? ('admin' satisfies Audience) : undefined;
}

/** Whom an event is about, where it concerns one person alone. */
function personOf(category: string, { stream, data }: Recorded): string | undefined {
  if (category === 'user') return idOf(stream);
  return category === 'notification' ? (data as { userId?: string }).userId : undefined;
}

export function eventView(event: Recorded, audience: Audience): EventView {
  const { id, type, stream, version, position, time } = event;
  const { actorId, correlationId, causationId } = event.meta;
  const data: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(event.data as Record<string, unknown>)) {
    if (audience === 'admin' && withheld.has(name)) continue;
    data[name] = value === erased ? reveal(value as Erased) : value;
  }
  const meta = { actorId, correlationId, causationId };
  return { id, type, stream, version, position, time, data, meta };
}
