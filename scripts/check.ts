import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { commandLine, root, runCommandLine } from './command-line.ts';

type Step = { readonly name: string; readonly command: readonly string[] };

const bun = process.execPath;
const configs = [...new Bun.Glob('*.config.ts').scanSync(root)].toSorted();
const lint = [
  bun,
  '--bun',
  'oxlint',
  '--format',
  'agent',
  'src',
  'test',
  'scripts',
  'bench',
  'examples',
  ...configs,
];

// `--no-script`, because `bun check` would otherwise be this very script.
const steps: readonly Step[] = [
  { name: 'format', command: [bun, 'fmt', '--no-script', '--check'] },
  { name: 'lint', command: [...lint, '--deny-warnings', '--report-unused-disable-directives'] },
  { name: 'types', command: [bun, 'check', '--no-script'] },
  { name: 'expressions', command: [bun, 'scripts/regular-expressions.ts'] },
  { name: 'dead code', command: [bun, '--bun', 'knip', '--no-progress'] },
];

// The benchmarks have packages of their own, which are installed when they first run.
const benchSteps: readonly Step[] = existsSync(join(root, 'bench/node_modules'))
  ? [{ name: 'types of bench', command: [bun, 'check', '--no-script', '-p', 'bench'] }]
  : [];

const fixes: readonly Step[] = [
  { name: 'fix lint', command: [...lint, '--fix', '--quiet'] },
  { name: 'fix format', command: [bun, 'fmt', '--no-script'] },
];

const program = commandLine(
  'check',
  'Checks format, lint and import rules, types, regular expressions, and dead code.',
).option('--fix', 'first mend what can be mended: lint and format');

await runCommandLine(program, async () => {
  if (program.opts<{ fix?: true }>().fix) {
    for (const fix of fixes) await output(fix.command);
  }
  const results = await Promise.all([...steps, ...benchSteps].map(report));
  const failed = results.filter((passed) => !passed).length;
  console.log(failed === 0 ? 'All checks pass.' : `${failed} of ${results.length} checks fail.`);
  return failed === 0 ? 0 : 1;
});

async function report({ name, command }: Step) {
  const start = performance.now();
  const { exitCode, text } = await output(command);
  const seconds = ((performance.now() - start) / 1_000).toFixed(1);
  console.log(`${exitCode === 0 ? 'pass' : 'FAIL'}  ${name.padEnd(16)} ${seconds} s`);
  if (exitCode !== 0) console.log(`\n${text.trim()}\n`);
  return exitCode === 0;
}

async function output(command: readonly string[]) {
  const child = Bun.spawn([...command], { cwd: root, stdout: 'pipe', stderr: 'pipe' });
  const texts = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return { exitCode: await child.exited, text: texts.join('') };
}
