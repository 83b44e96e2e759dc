// The process itself. Of prom-client's own metrics many are wrong on Bun: the heap is given as six gigabytes,
// the version as one of Node, and what it counts as handles is always none.
import { byLabel, type Family, single } from './family.ts';
import { createTally } from './tally.ts';

const sampleMs = 100;
const delayBounds = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;
const microsecond = 1e-6;

export type PasswordLoad = {
  readonly running: number;
  readonly waiting: number;
  readonly shed: number;
};

export function createProcessMeter(version: string) {
  const delays = createTally(delayBounds);
  let expectedAt = performance.now() + sampleMs;

  /** How late a timer is, is how long the thread was busy with something else. */
  function sample() {
    const now = performance.now();
    delays.observe(Math.max(0, now - expectedAt) / 1_000);
    expectedAt = now + sampleMs;
  }

  const timer = setInterval(sample, sampleMs);
  timer.unref();

  const families: readonly Family[] = [
    {
      type: 'gauge',
      name: 'refold_build_info',
      help: '1, with the versions of what runs.',
      read: () => [{ labels: { version, bun: Bun.version }, value: 1 }],
    },
    single(
      'gauge',
      'refold_process_start_time_seconds',
      'When the process was started, in seconds since 1970.',
      () => performance.timeOrigin / 1_000,
    ),
    single(
      'counter',
      'refold_process_cpu_seconds_total',
      'Processor time that the process has used, all its threads together.',
      () => {
        const { user, system } = process.cpuUsage();
        return (user + system) * microsecond;
      },
    ),
    single(
      'gauge',
      'refold_process_resident_memory_bytes',
      'Memory of the process that is in RAM.',
      () => process.memoryUsage.rss(),
    ),
    single(
      'gauge',
      'refold_process_heap_used_bytes',
      'Memory of the main thread that JavaScript objects use.',
      () => process.memoryUsage().heapUsed,
    ),
    {
      type: 'histogram',
      name: 'refold_event_loop_delay_seconds',
      help: 'How much later than wanted a timer of the main thread fires, ten times a second.',
      read: () => [{ tally: delays }],
    },
  ];
  return { families, stop: () => clearInterval(timer) };
}

export function passwordFamilies(load: () => PasswordLoad): readonly Family[] {
  return [
    byLabel(
      'gauge',
      {
        name: 'refold_password_hashes',
        help: 'Password hashes that are being computed or wait for it.',
        label: 'state',
      },
      () => {
        const { running, waiting } = load();
        return [
          ['running', running],
          ['waiting', waiting],
        ];
      },
    ),
    single(
      'counter',
      'refold_password_hashes_shed_total',
      'Password hashes that were refused because too many waited.',
      () => load().shed,
    ),
  ];
}
