// One run of Bun's test runner, and what came of it.
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { root } from './command-line.ts';

export type Outcome = {
  readonly exitCode: number;
  readonly passed: number;
  readonly failed: number;
};

export type TestRun = {
  readonly options: readonly string[];
  /** Paths from the root of the repository. */
  readonly files: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Where what the tests say goes: to the terminal, unless this names a file or nothing. */
  readonly output?: 'inherit' | 'ignore' | { readonly file: string };
};

/** Runs the files; whoever ends this process ends the tests too. */
export async function bunTest(run: TestRun): Promise<Outcome> {
  const { options, files, environment, output = 'inherit' } = run;
  const directory = mkdtempSync(join(tmpdir(), 'refold-tests-'));
  const report = join(directory, 'report.xml');
  const reporting = ['--reporter=junit', `--reporter-outfile=${report}`];
  const paths = files.map((file) => `./${file}`);
  const to = typeof output === 'object' ? openSync(output.file, 'w') : output;
  const tests = Bun.spawn([process.execPath, 'test', ...options, ...reporting, ...paths], {
    cwd: root,
    env: { ...process.env, ...environment },
    stdio: ['inherit', to, to],
  });
  if (typeof to === 'number') closeSync(to);
  const forward = (signal: NodeJS.Signals) => tests.kill(signal);
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, forward);
  try {
    const exitCode = await tests.exited;
    const reported = Bun.file(report);
    const xml = (await reported.exists()) ? await reported.text() : '';
    return outcomeOf({ exitCode, xml, files });
  } finally {
    for (const signal of signals) process.off(signal, forward);
    rmSync(directory, { recursive: true, force: true });
  }
}

export type Ended = {
  readonly exitCode: number;
  /** The report in the format of JUnit; empty when there is none. */
  readonly xml: string;
  readonly files: readonly string[];
};

/**
 * Counts what a run reports. A file that is not in the report died before its first test, and a run
 * that ended badly has failed, whatever it reports: both count as one failure.
 */
export function outcomeOf({ exitCode, xml, files }: Ended): Outcome {
  const [, whole] = xml.split('<testsuites ', 2);
  if (whole === undefined) return { exitCode: exitCode || 1, passed: 0, failed: 1 };
  const [totals = ''] = whole.split('>', 1);
  const count = (name: string) => Number(new RegExp(` ${name}="(\\d+)"`).exec(totals)?.[1]);
  const reported = new Set(
    [...xml.matchAll(/ file="([^"]+)"/g)].map(([, file]) => resolve(root, file!)),
  );
  const dead = files.filter((file) => !reported.has(resolve(root, file))).length;
  const passed = count('tests') - count('failures') - count('skipped');
  const failed = count('failures') + dead;
  if (failed > 0) return { exitCode: exitCode || 1, passed, failed };
  return { exitCode, passed, failed: exitCode === 0 ? 0 : 1 };
}

export type EngineOutcome = Outcome & { readonly engine: string };

/** Of several runs; the last two lines are the sums, in the form of Bun's own summary, which `.ci/run` reads. */
export function summaryOf(outcomes: readonly EngineOutcome[]): string {
  const lines = outcomes.map(
    ({ engine, passed, failed }) => `Servers on ${engine}: ${passed} passed, ${failed} failed`,
  );
  const sum = (of: 'passed' | 'failed') => outcomes.reduce((total, one) => total + one[of], 0);
  return ['', ...lines, '', ` ${sum('passed')} pass`, ` ${sum('failed')} fail`].join('\n');
}
