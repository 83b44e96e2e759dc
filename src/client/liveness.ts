import { Silence } from './silence.ts';

/**
 * Asks for a sign of life when nothing was heard for half of `ms`, and calls `onSilence` when nothing came of
 * that for the other half.
 */
export function createLiveness(ms: number, ask: () => void, onSilence: (silence: Silence) => void) {
  let timer: ReturnType<typeof setTimeout>;

  const heard = () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      ask();
      timer = setTimeout(() => onSilence(new Silence(ms)), ms / 2);
    }, ms / 2);
  };
  heard();

  return { heard, end: () => clearTimeout(timer) };
}
