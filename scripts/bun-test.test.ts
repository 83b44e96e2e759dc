import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { join, relative } from 'node:path';
import { temporaryDirectory } from '../src/testing/directory.ts';
import { bunTest, outcomeOf } from './bun-test.ts';
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
    environment: { CI: '', GITHUB_ACTIONS: '' },
  });
}

const passing = "test('passes', () => expect(1).toBe(1));";

describe('a run of tests', () => {
  test('is told by what passed and failed in all of its files', async () => {
    const failing = `${passing} test('fails', () => expect(1).toBe(2)); test.skip('waits', () => {});`;
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
