import type { WakeUp } from '../kernel/wake-up.ts';

/** Wake-ups within one thread. */
export function createWakeUp(): WakeUp {
  let isSignalled = false;
  let waken: (() => void) | undefined;
  return {
    signal() {
      isSignalled = true;
      waken?.();
    },
    async wait(ms) {
      if (!isSignalled) {
        let timer: Timer | undefined;
        await new Promise<void>((resolve) => {
          waken = resolve;
          timer = setTimeout(resolve, ms);
        });
        clearTimeout(timer);
        waken = undefined;
      }
      isSignalled = false;
    },
  };
}
