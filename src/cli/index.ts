// The command line. A mistake of the user is one line on standard error and exit 2; a failure is one
// line and exit 1; only defects show a stack.
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { describeFailure, UsageError } from './failure.ts';

/** Parts are imported when their command runs, so that `--help` stays quick. */
export async function runCli(args: readonly string[]): Promise<void> {
  const program = describeCommands();
  try {
    if (args.length === 0) throw new UsageError('Which command? --help lists them.');
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return;
    const { message, exitCode, isDefect } = describeFailure(error);
    process.stderr.write(`${message}\n`);
    if (!isDefect || !process.execArgv.includes('--watch')) process.exit(exitCode);
    awaitChange(exitCode);
  }
}

/** Bun starts us anew when the source changes, unless we exit before. */
function awaitChange(exitCode: number): void {
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    process.on(signal, () => process.exit(exitCode));
}

function describeCommands(): Command {
  const program = new Command('refold').description('Refold: an event-sourced backend.');
  program.exitOverride().configureOutput({ outputError: () => {} });
  const add = (name: string, description: string) =>
    program.command(name).description(description).allowExcessArguments(false);
  const commands = () => import('./commands.ts');

  add('start', 'serve').action(async () => (await import('../main.ts')).serve());
  add('dev', 'serve, and serve anew when the source changes').action(async () =>
    (await import('./dev.ts')).dev(),
  );
  add('tour', 'drive a fresh server as a client would, and print each step').action(async () =>
    (await import('./tour.ts')).tour(),
  );
  add('seed', 'add plausible sample data')
    .option('--users <n>', 'how many users', wholeNumber, 20)
    .option('--products <n>', 'how many products', wholeNumber, 200)
    .option('--messages <n>', 'how many chat messages', wholeNumber, 500)
    .action(async (wanted) => (await commands()).seed(wanted));
  add('replay', 'rebuild read models from the log beside the live ones, and swap')
    .argument('[projections...]', 'which; all of them if none is named')
    .action(async (wanted) => (await commands()).replay(wanted));
  add('verify', 'check the hash chain of the whole log').action(async () =>
    (await commands()).verify(),
  );
  add(
    'admin:create',
    'make or promote an admin; the password comes from a prompt or standard input',
  )
    .requiredOption('--email <address>', 'the e-mail address')
    .option('--name <name>', 'the name of a new account', 'Administrator')
    .action(async (wanted) => (await commands()).createAdmin(wanted));
  add('keys:rotate', 'wrap every key anew by the first secret of CRYPTO_SECRET').action(async () =>
    (await commands()).rotateKeys(),
  );
  add('db:generate', 'write a migration for changed read-model tables').action(async () =>
    (await commands()).generate(),
  );
  add('db:migrate', 'apply the migrations to every store').action(async () =>
    (await commands()).migrate(),
  );
  add('db:studio', 'browse the read models').action(async () =>
    (await commands()).drizzleKit(['studio']),
  );
  add('db:push', "bring the read model's tables to the declared shape without a migration").action(
    async () => (await commands()).push(),
  );
  return program;
}

function wholeNumber(text: string): number {
  if (!/^\d{1,7}$/.test(text))
    throw new InvalidArgumentError('It must be a whole number below 10,000,000.');
  return Number(text);
}
