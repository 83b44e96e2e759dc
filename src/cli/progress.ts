import { Presets, SingleBar } from 'cli-progress';

/** Tells how many of how many are done. */
export type OnProgress = (done: number, total: number) => void;

/** A progress bar on standard error: what is done, how fast, and the time left. */
export function progressBar(what: string) {
  const startedAt = performance.now();
  const bar = new SingleBar(
    {
      format: `${what} {bar} {percentage}% | {value}/{total} | {rate}/s | {eta_formatted} left`,
      noTTYOutput: true,
      notTTYSchedule: 1_000,
      hideCursor: true,
      stream: process.stderr,
    },
    Presets.shades_classic,
  );
  let isStarted = false;
  return {
    update(done: number, total: number) {
      if (!isStarted) bar.start(total, 0, { rate: 0 });
      isStarted = true;
      bar.setTotal(total);
      const seconds = (performance.now() - startedAt) / 1_000;
      bar.update(done, { rate: Math.round(done / Math.max(seconds, 0.001)) });
    },
    stop: () => bar.stop(),
  };
}
