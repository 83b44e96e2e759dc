// The command line. A mistake of the user is one line on standard error and exit 2; a failure is one
// line and exit 1; only defects show a stack.
import { Command, CommanderError } from 'commander';
import { describeFailure } from './failure.ts';

/** Parts are imported when their command runs, so that `--help` stays quick. */
export async function runCli(args: readonly string[]): Promise<void> {
  const program = new Command('refold').description('Refold: an event-sourced backend.');
  program
    .command('start')
    .description('serve')
    .action(async () => (await import('../main.ts')).serve());
  program
    .command('dev')
    .description('serve, and serve anew when the source changes')
    .action(async () => (await import('./dev.ts')).dev());
  for (const command of [...program.commands]) command.allowExcessArguments(false);
  program.exitOverride().configureOutput({ outputError: () => {} });
  for (const command of program.commands) command.copyInheritedSettings(program);
  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return;
    const { message, exitCode } = describeFailure(error);
    process.stderr.write(`${message}\n`);
    process.exit(exitCode);
  }
}
