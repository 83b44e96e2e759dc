import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { chmod } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { temporaryDirectory } from '../src/testing/directory.ts';
import { bunTest, type EngineOutcome, outcomeOf, summaryOf } from './bun-test.ts';
import { root } from './command-line.ts';

let temporary: ReturnType<typeof temporaryDirectory>;
beforeEach(() => void (temporary = temporaryDirectory()));
afterEach(() => temporary.remove());

/** Runs files with these texts. */
async function run(...texts: readonly string[]) {
  const files = texts.map((_, index) => join(temporary.path, `${index}.test.ts`));
  for (const [index, text] of texts.entries()) {
    await Bun.write(files[index]!, `import { beforeAll, expect, test } from 'bun:test';\n${text}`);
  }
  return await bunTest({
    options: [],
    files: files.map((file) => relative(root, file)),
    environment: {},
    output: 'ignore',
  });
}

const passing = "test('passes', () => expect(1).toBe(1));";

describe('a run of tests', () => {
  test('is told by what passed and failed in all of its files', async () => {
    const skipped = "test['skip']('waits', () => {});";
    const failing = `${passing} test('fails', () => expect(1).toBe(2)); ${skipped}`;
    expect(await run(passing, failing)).toEqual({ exitCode: 1, passed: 2, failed: 1 });
    expect(await run(passing)).toEqual({ exitCode: 0, passed: 1, failed: 0 });
  });

  test('has failed where a file dies before its first test', async () => {
    const dying = "throw new Error('dead');";
    expect(await run(passing, dying)).toEqual({ exitCode: 1, passed: 1, failed: 1 });
    expect(await run(dying)).toEqual({ exitCode: 1, passed: 0, failed: 1 });
  });

  test('has failed where it dies itself', async () => {
    const deadly = "test('kills', () => process.kill(process.pid, 'SIGKILL'));";
    const { exitCode, ...counts } = await run(passing, deadly);
    expect(exitCode).not.toBe(0);
    expect(counts).toEqual({ passed: 0, failed: 1 });
  });

  test('has failed where it ends badly, although no test has', () => {
    const xml = '<testsuites name="bun test" tests="1" failures="0" skipped="0">';
    const files: readonly string[] = [];
    expect(outcomeOf({ exitCode: 7, xml, files })).toEqual({ exitCode: 7, passed: 1, failed: 1 });
  });
});

describe('the verdict of .ci/run', () => {
  /** Runs it with a `bun` that prints what two runs have come to. */
  async function verdictOn(outcomes: readonly EngineOutcome[], exitCode: number) {
    const summary = join(temporary.path, 'summary');
    await Bun.write(summary, `\n 7 pass\n 7 fail\nRan 14 tests\n${summaryOf(outcomes)}\n`);
    const bun = join(temporary.path, 'bun');
    await Bun.write(bun, `#!/bin/sh\n[ "$2" = check ] || { cat ${summary}; exit ${exitCode}; }\n`);
    await chmod(bun, 0o755);
    const ci = Bun.spawn([join(root, '.ci/run')], {
      env: { PATH: `${temporary.path}:${process.env['PATH']}` },
      stdout: 'pipe',
      stderr: 'pipe',
    });
    const said = await ci.stdout.text();
    return { isGreen: (await ci.exited) === 0, said: said.trimEnd().split('\n').at(-1) };
  }

  const first = { engine: 'sqlite', exitCode: 0, passed: 1_200, failed: 0 };
  const second = { engine: 'postgres', exitCode: 0, passed: 300, failed: 0 };

  test('is the sum of the runs on both engines', async () => {
    const said = '1500 passed, 0 failed';
    expect(await verdictOn([first, second], 0)).toEqual({ isGreen: true, said });
  });

  test('is red where either run has failed', async () => {
    const red = { ...second, exitCode: 1, failed: 2 };
    const said = '1500 passed, 2 failed';
    expect(await verdictOn([first, red], 1)).toEqual({ isGreen: false, said });
  });
});
