// The page that teaches how to add a feature, followed to the letter in a copy of the repository.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { cpSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { temporaryDirectory } from '../../src/testing/directory.ts';

setDefaultTimeout(120_000);

const root = join(import.meta.dir, '../..');
const page = readFileSync(join(root, 'docs/add-a-feature.md'), 'utf8');
const leftOut = new Set(['node_modules', '.git', 'data', 'coverage']);

const temporary = temporaryDirectory();
const copy = (name: string) => join(temporary.path, name);

beforeAll(() => {
  const filter = (source: string) => !leftOut.has(basename(source));
  cpSync(root, temporary.path, { recursive: true, filter });
  symlinkSync(join(root, 'node_modules'), copy('node_modules'));
});

afterAll(() => temporary.remove());

/** The page's blocks of code, each with the file that was named last before it. */
function* blocks() {
  for (const { 1: language, 2: text, index } of page.matchAll(/```(ts|diff)\n(.*?)```/gs)) {
    const named = page.slice(0, index).matchAll(/`((?:src|test)\/[\w/.-]+\.ts|golden\.ts)`/g);
    yield { language, text: text!, file: [...named].at(-1)![1]! };
  }
}

/** Applies a diff whose hunks are found by their lines, since the page gives no numbers. */
function applied(diff: string, before: string): string {
  return diff.split('@@\n').reduce((text, hunk) => {
    const lines = hunk.split('\n').slice(0, -1);
    const side = (sign: '-' | '+') =>
      lines.flatMap((line) => (line[0] === sign || line[0] === ' ' ? [`${line.slice(1)}\n`] : []));
    const old = side('-').join('');
    if (!text.includes(old)) throw new Error(`The page shows lines that are not there:\n${old}`);
    return text.replace(old, () => side('+').join(''));
  }, before);
}

/** Runs Bun in the copy; answers its exit code, and what it said for the message of a failure. */
async function bun(...args: readonly string[]) {
  const child = Bun.spawn([process.execPath, ...args], {
    cwd: temporary.path,
    env: { ...process.env, NODE_ENV: 'test' },
    stdout: 'pipe',
    stderr: 'pipe',
  });
  const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return { exitCode: await child.exited, said: out + err };
}

describe('the page on adding a feature', () => {
  test('shows the lines that it changes as they are', () => {
    for (const { language, text, file } of blocks()) {
      const made = language === 'ts' ? text : applied(text, readFileSync(copy(file), 'utf8'));
      writeFileSync(copy(file), made);
    }
  });

  test('leads to a feature that passes its tests and the checks', async () => {
    const steps = [
      ['golden.ts'],
      ['src/cli.ts', 'db:generate'],
      ['scripts/checksums.ts'],
      ['scripts/test.ts', 'reviews', 'golden', 'deciders', 'tidy', 'admin', 'openapi'],
      ['scripts/check.ts'],
    ];
    for (const step of steps) {
      expect({ step, ...(await bun(...step)) }).toMatchObject({ step, exitCode: 0 });
      if (step[0] === 'golden.ts') rmSync(copy('golden.ts'));
    }
  });
});
