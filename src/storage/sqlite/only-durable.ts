import type { EventLog, StoredEvent } from '../../kernel/event-log.ts';
import type { Position } from '../../kernel/stream.ts';

type LogReads = Omit<EventLog, 'append' | 'holderOf'>;

/** A log that ends at the newest position that would survive a power loss. */
export function onlyDurable(reads: LogReads, durable: () => Position): LogReads {
  const cut = (events: readonly StoredEvent[]) => {
    const end = durable();
    return (events.at(-1)?.position ?? 0) <= end
      ? events
      : events.filter(({ position }) => position <= end);
  };
  return {
    readStream: async (stream, after, limit) => cut(await reads.readStream(stream, after, limit)),
    readAll: async (after, limit) => cut(await reads.readAll(after, limit)),
    readTypes: (types, range) =>
      reads.readTypes(types, { ...range, to: Math.min(range.to, durable()) as Position }),
    readBack: (before, limit) => reads.readBack(Math.min(before, durable() + 1) as Position, limit),
    head: async () => durable(),
  };
}
