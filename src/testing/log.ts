import type { Append, NewEvent, Write } from '../kernel/event-log.ts';
import { streamNamer } from '../kernel/stream.ts';

const startTime = '2026-01-01T00:00:00.000Z';

export const streamOf = streamNamer('test');

let events = 0;

/** An event as a log takes it, with an id of its own. */
export function newEvent(data: object = {}, type = 'Counted'): NewEvent {
  events += 1;
  return { id: `event-${events}`, type, schemaVersion: 1, data: JSON.stringify(data) };
}

/** A write of so many events to a stream, whatever its version. */
export function write(id: string, count = 1, expected: Write['expected'] = 'any'): Write {
  const events = Array.from({ length: count }, (_, index) => newEvent({ index }));
  return { stream: streamOf(id), expected, events };
}

/** An append with everything optional left out. */
export function appendOf(writes: Write | readonly Write[], rest: Partial<Append> = {}): Append {
  return {
    commandId: null,
    fingerprint: null,
    writes: Array.isArray(writes) ? writes : [writes as Write],
    take: [],
    release: [],
    meta: '{"actorId":"test","correlationId":"test","causationId":"test"}',
    time: startTime,
    ...rest,
  };
}
