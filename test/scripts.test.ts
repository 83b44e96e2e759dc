import { describe, expect, test } from 'bun:test';
import { join } from 'node:path';

const root = join(import.meta.dir, '..');

async function run(...args: readonly string[]) {
  const script = Bun.spawn([process.execPath, ...args], {
    cwd: root,
    stdout: 'pipe',
    stderr: 'pipe',
  });
  const [stdout, stderr] = await Promise.all([script.stdout.text(), script.stderr.text()]);
  return { exitCode: await script.exited, stdout, stderr };
}

describe.each(['test', 'check', 'checksums'])('the script %s', (name) => {
  test('explains itself', async () => {
    const { exitCode, stdout } = await run(`scripts/${name}.ts`, '--help');
    expect(stdout).toStartWith(`Usage: ${name} [options]`);
    expect(exitCode).toBe(0);
  });

  test('refuses an option that it does not know, in one line', async () => {
    expect(await run(`scripts/${name}.ts`, '--unheard-of')).toEqual({
      exitCode: 2,
      stdout: '',
      stderr: `${name}: unknown option '--unheard-of'\n`,
    });
  });
});

test('a part of a path that no test file has is a wrong argument', async () => {
  const { exitCode, stderr } = await run('scripts/test.ts', 'unheard-of');
  expect(stderr).toBe("test: no test file has 'unheard-of' in its path\n");
  expect(exitCode).toBe(2);
});
