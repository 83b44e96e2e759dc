// Wakes the other nodes after a commit. However many commits there are, a node says so once and
// then again after a pause, so that a busy one does not keep the others busy with hints.
import type { Broadcast } from '../kernel/broadcast.ts';

const topic = 'wake-up';
const pauseMs = 5;

export type SharedWakeUp = {
  /** The log has grown by what this node has committed. */
  readonly signal: () => void;
  readonly close: () => void;
};

/** @param wake Called when another node says that the log has grown: a hint, never a fact. */
export function createSharedWakeUp(
  { publish, subscribe }: Broadcast,
  nodeId: string,
  wake: () => void,
): SharedWakeUp {
  let pause: Timer | undefined;
  let isSignalled = false;

  function tell() {
    isSignalled = false;
    publish(topic, nodeId);
    pause = setTimeout(() => {
      pause = undefined;
      if (isSignalled) tell();
    }, pauseMs);
  }

  subscribe(topic, (from) => {
    if (from !== nodeId) wake();
  });

  return {
    signal() {
      isSignalled = true;
      if (pause === undefined) tell();
    },
    close: () => clearTimeout(pause),
  };
}
