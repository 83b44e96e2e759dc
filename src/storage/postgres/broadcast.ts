// Publish and subscribe by NOTIFY and LISTEN, for nodes without Redis. Nothing is kept. A notification holds less
// than 8,000 bytes, so that a longer text goes in parts, which may come in any order; of a text of which a part
// is lost nothing comes.
import { LRUCache } from 'lru-cache';
import type { Broadcast } from '../../kernel/broadcast.ts';
import type { Client } from './connection.ts';

/** Characters, of four bytes at most. */
const parts = /.{1,1900}/gsu;
/** Texts of which parts are awaited. */
const partialMax = 1_000;

type Partial = { readonly parts: string[]; missing: number };

export function createPostgresBroadcast(
  sql: Client,
): Broadcast & { readonly close: () => Promise<void> } {
  const listening: Promise<{ readonly unlisten: () => Promise<void> }>[] = [];

  return {
    publish(topic, text) {
      const id = crypto.randomUUID();
      const divided = text.match(parts) ?? [''];
      divided.forEach((part, index) => {
        const payload = `${id} ${index} ${divided.length} ${part}`;
        sql.notify(topic, payload).catch(() => {}); // may be lost
      });
    },

    subscribe(topic, hear) {
      const partial = new LRUCache<string, Partial>({ max: partialMax });
      const listen = sql.listen(topic, (payload) => {
        const [, id, index, count, part] = /^(\S+) (\d+) (\d+) (.*)$/s.exec(payload) ?? [];
        if (id === undefined || part === undefined) return;
        const text = partial.get(id) ?? { parts: [], missing: Number(count) };
        text.parts[Number(index)] = part;
        text.missing -= 1;
        if (text.missing > 0) partial.set(id, text);
        else {
          partial.delete(id);
          hear(text.parts.join(''));
        }
      });
      listen.catch(() => {}); // the connection that listens is renewed as long as it takes
      listening.push(listen);
    },

    async close() {
      const opened = await Promise.allSettled(listening);
      await Promise.allSettled(
        opened.map((one) => (one.status === 'fulfilled' ? one.value.unlisten() : undefined)),
      );
    },
  };
}
