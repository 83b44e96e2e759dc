import { provideChromium } from './chromium.ts';
import { provideRedis } from './redis.ts';
import { commandLine, root, runCommandLine, WrongArguments } from './command-line.ts';

const program = commandLine('test', 'Runs the tests: all of them, or the files named.')
  .argument('[files...]', 'parts of the paths of test files')
  .option('-t, --test-name-pattern <regex>', 'only tests whose name matches')
  .option('--bail', 'stop at the first failure')
  .option('--coverage', 'report which lines the tests reach');

/** Long enough for a test that starts processes; the rest answer in milliseconds. */
const timeoutMs = 60_000;

const browserTests = 'test/browser/';

await runCommandLine(program, async () => {
  const { testNamePattern, bail, coverage } = program.opts<{
    testNamePattern?: string;
    bail?: true;
    coverage?: true;
  }>();
  const command = [process.execPath, 'test', '--timeout', String(timeoutMs)];
  if (testNamePattern !== undefined) command.push('--test-name-pattern', testNamePattern);
  if (bail) command.push('--bail');
  if (coverage) command.push('--coverage');
  const files = await matching(program.args);
  const needsBrowser = files.length === 0 || files.some((file) => file.includes(browserTests));
  if (needsBrowser) await provideChromium();
  await provideRedis();
  return run([...command, ...files]);
});

async function matching(filters: readonly string[]) {
  if (filters.length === 0) return [];
  const glob = new Bun.Glob('{src,test,scripts}/**/*.test.ts');
  const files = await Array.fromAsync(glob.scan(root));
  for (const filter of filters) {
    if (!files.some((file) => file.includes(filter.replace(/^\.\//, '')))) {
      throw new WrongArguments(`no test file has '${filter}' in its path`);
    }
  }
  const wanted = filters.map((filter) => filter.replace(/^\.\//, ''));
  return files
    .filter((file) => wanted.some((part) => file.includes(part)))
    .map((file) => `./${file}`);
}

/** Whoever ends this process ends the tests too. */
async function run(command: readonly string[]) {
  const tests = Bun.spawn([...command], { cwd: root, stdio: ['inherit', 'inherit', 'inherit'] });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => tests.kill(signal));
  }
  return await tests.exited;
}
