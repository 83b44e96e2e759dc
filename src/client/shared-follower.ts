// Listeners to what happens from now on share one follower, which lives as long as one of them does.
import type { StateListener } from './connection.ts';
import type { Follower } from './follower.ts';
import type { On, Typed } from './listeners.ts';

export function sharedOn<Event extends Typed>(
  open: (onState: StateListener) => Follower<Event>,
  onError: (error: unknown) => void,
): On<Event> {
  let shared: { readonly follower: Follower<Event>; listeners: number } | undefined;

  function start() {
    const follower = open((state, cause) => {
      if (state !== 'stopped') return;
      if (shared === own) shared = undefined;
      if (cause) onError(cause);
    });
    const own = { follower, listeners: 0 };
    return own;
  }

  return (type, listener) => {
    const own = (shared ??= start());
    own.listeners += 1;
    const off = own.follower.on(type, listener);
    let isOff = false;
    return () => {
      if (isOff) return;
      isOff = true;
      off();
      own.listeners -= 1;
      if (own.listeners === 0) own.follower.stop();
    };
  };
}
