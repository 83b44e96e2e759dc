import { provideChromium } from './chromium.ts';
import { commandLine, root, runCommandLine, WrongArguments } from './command-line.ts';
import { servicesFor } from './needs.ts';
import { startPostgres } from './postgres.ts';
import { provideRedis } from './redis.ts';

const program = commandLine('test', 'Runs the tests: all of them, or the files named.')
  .argument('[files...]', 'parts of the paths of test files')
  .option('-t, --test-name-pattern <regex>', 'only tests whose name matches')
  .option('--bail', 'stop at the first failure')
  .option('--coverage', 'report which lines the tests reach')
  .option('--engine <engine>', 'what servers run on: sqlite or postgres', 'sqlite');

/** Long enough for a test that starts processes; the rest answer in milliseconds. */
const timeoutMs = 60_000;

await runCommandLine(program, async () => {
  const { testNamePattern, bail, coverage, engine } = program.opts<{
    testNamePattern?: string;
    bail?: true;
    coverage?: true;
    engine: string;
  }>();
  const command = [process.execPath, 'test', '--timeout', String(timeoutMs)];
  if (testNamePattern !== undefined) command.push('--test-name-pattern', testNamePattern);
  if (bail) command.push('--bail');
  if (coverage) command.push('--coverage');
  const found = await Array.fromAsync(new Bun.Glob('{src,test,scripts}/**/*.test.ts').scan(root));
  const all = found.filter((file) => !file.includes('node_modules'));
  const files = matching(program.args, all);
  const services = await provideServices(files.length === 0 ? all : files, engine);
  try {
    return await run([...command, ...files], services.environment);
  } finally {
    await services.stop();
  }
});

/** A server that TEST_POSTGRES_URL names is used instead of one of our own. */
async function provideServices(files: readonly string[], engine: string) {
  const needed = new Set(await servicesFor(files));
  if (engine === 'postgres') needed.add('postgres');
  if (needed.has('chromium')) await provideChromium();
  if (needed.has('redis')) await provideRedis();
  const isGiven = Boolean(process.env['TEST_POSTGRES_URL']);
  const postgres = needed.has('postgres') && !isGiven ? await startPostgres() : undefined;
  return {
    environment: { TEST_ENGINE: engine, ...(postgres && { TEST_POSTGRES_URL: postgres.url }) },
    stop: async () => postgres?.stop(),
  };
}

function matching(filters: readonly string[], files: readonly string[]) {
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
async function run(command: readonly string[], environment: Readonly<Record<string, string>>) {
  const tests = Bun.spawn([...command], {
    cwd: root,
    env: { ...process.env, ...environment },
    stdio: ['inherit', 'inherit', 'inherit'],
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => tests.kill(signal));
  }
  return await tests.exited;
}
