import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const steps: (() => void | Promise<void>)[] = [];

/** Steps run last first, when the benchmarks end or are interrupted. */
export function atTheEnd(step: () => void | Promise<void>) {
  steps.push(step);
}

export async function cleanUp() {
  for (let step = steps.pop(); step !== undefined; step = steps.pop()) await step();
}

export function temporaryDirectory() {
  const directory = mkdtempSync(join(tmpdir(), 'refold-bench-'));
  atTheEnd(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}
