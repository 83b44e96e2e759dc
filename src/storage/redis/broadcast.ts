// Publish and subscribe. Nothing is kept: what is published while Redis is away is lost.
import type { Broadcast } from '../../kernel/broadcast.ts';
import type { RedisConnection } from './connection.ts';

/** @param prefix Before the name of each channel: one for each deployment. */
export function createRedisBroadcast(
  { ask, listener: connect }: Pick<RedisConnection, 'ask' | 'listener'>,
  prefix: string,
): Broadcast & { readonly close: () => void } {
  const listener = connect();
  const listeners = new Map<string, (text: string) => void>();
  listener.on('message', (channel: string, text: string) => listeners.get(channel)?.(text));
  return {
    publish(topic, text) {
      void ask((redis) => redis.publish(`${prefix}:${topic}`, text));
    },
    subscribe(topic, hear) {
      const channel = `${prefix}:${topic}`;
      listeners.set(channel, hear);
      // Waits for the connection as long as it takes; it fails only when that is closed on purpose.
      void listener.subscribe(channel).catch(() => {});
    },
    close: () => listener.disconnect(),
  };
}
