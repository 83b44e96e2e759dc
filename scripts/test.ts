import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Option } from 'commander';
import { bunTest, type EngineOutcome, summaryOf } from './bun-test.ts';
import { provideChromium } from './chromium.ts';
import { commandLine, root, runCommandLine, WrongArguments } from './command-line.ts';
import { onEitherEngine, servicesFor } from './needs.ts';
import { startPostgres } from './postgres.ts';
import { provideRedis } from './redis.ts';

type Options = {
  readonly testNamePattern?: string;
  readonly bail?: true;
  readonly coverage?: true;
  readonly engine?: Engine;
};
type Engine = 'sqlite' | 'postgres';
type Run = { readonly engine: Engine; readonly files: readonly string[] };

const program = commandLine(
  'test',
  'Runs the tests: all of them, with servers on SQLite and on PostgreSQL, or those chosen.',
)
  .argument('[files...]', 'parts of the paths of test files')
  .option('-t, --test-name-pattern <regex>', 'only tests whose name matches')
  .option('--bail', 'stop at the first failure')
  .option('--coverage', 'report which lines the tests reach')
  .addOption(
    new Option(
      '--engine <engine>',
      'what servers run on; without it, tests that are chosen run on sqlite',
    ).choices(['sqlite', 'postgres']),
  );

/** Long enough for a test that starts processes; the rest answer in milliseconds. */
const timeoutMs = 60_000;

await runCommandLine(program, async () => {
  const options = program.opts<Options>();
  const runs = await runsFor(options, await testFiles());
  const services = await provideServices(runs);
  try {
    return await runAll(runs, options, services.environment);
  } finally {
    await services.stop();
  }
});

async function testFiles(): Promise<readonly string[]> {
  const found = await Array.fromAsync(new Bun.Glob('{src,test,scripts}/**/*.test.ts').scan(root));
  return found.filter((file) => !file.includes('node_modules')).toSorted();
}

/** What is chosen runs once; everything runs once, and whatever may run on the other engine twice. */
async function runsFor(
  { engine, testNamePattern }: Options,
  all: readonly string[],
): Promise<readonly Run[]> {
  const filters = program.args.map((filter) => filter.replace(/^\.\//, ''));
  for (const [index, filter] of filters.entries()) {
    if (!all.some((file) => file.includes(filter))) {
      throw new WrongArguments(`no test file has '${program.args[index]}' in its path`);
    }
  }
  const isChosen = (file: string) => filters.some((part) => file.includes(part));
  const files = filters.length === 0 ? all : all.filter(isChosen);
  const first: Run = { engine: engine ?? 'sqlite', files };
  if (engine !== undefined || testNamePattern !== undefined || filters.length > 0) return [first];
  return [first, { engine: 'postgres', files: await onEitherEngine(all) }];
}

/** A server that TEST_POSTGRES_URL names is used instead of one of our own. */
async function provideServices(runs: readonly Run[]) {
  const needed = new Set(await servicesFor(runs.flatMap(({ files }) => files)));
  if (runs.some(({ engine }) => engine === 'postgres')) needed.add('postgres');
  if (needed.has('chromium')) await provideChromium();
  if (needed.has('redis')) await provideRedis();
  const isGiven = Boolean(process.env['TEST_POSTGRES_URL']);
  const postgres = needed.has('postgres') && !isGiven ? await startPostgres() : undefined;
  return {
    environment: { ...(postgres && { TEST_POSTGRES_URL: postgres.url }) },
    stop: async () => postgres?.stop(),
  };
}

/** All at once: most of a test is waiting. What the first says is seen as it comes, the others' afterwards. */
async function runAll(
  runs: readonly Run[],
  { testNamePattern, bail, coverage }: Options,
  environment: Readonly<Record<string, string>>,
): Promise<number> {
  const options = ['--timeout', String(timeoutMs)];
  if (testNamePattern !== undefined) options.push('--test-name-pattern', testNamePattern);
  if (bail) options.push('--bail');
  if (coverage) options.push('--coverage');
  const directory = mkdtempSync(join(tmpdir(), 'refold-test-output-'));
  const outputs = runs.map((_, index) => join(directory, String(index)));
  const running = runs.map(({ engine, files }, index) => {
    const output = index === 0 ? 'inherit' : { file: outputs[index]! };
    return bunTest({
      options,
      files,
      environment: { ...environment, TEST_ENGINE: engine },
      output,
    });
  });
  const outcomes: EngineOutcome[] = [];
  for (const [index, { engine }] of runs.entries()) {
    if (runs.length > 1) console.log(`\nServers on ${engine}:\n`);
    outcomes.push({ engine, ...(await running[index]!) });
    if (index > 0) console.log(await Bun.file(outputs[index]!).text());
  }
  rmSync(directory, { recursive: true });
  if (runs.length > 1) console.log(summaryOf(outcomes));
  return outcomes.find(({ exitCode }) => exitCode !== 0)?.exitCode ?? 0;
}
