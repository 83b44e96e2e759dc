import { join } from 'node:path';
import { Command, CommanderError } from 'commander';

export const root = join(import.meta.dir, '..');

/** A mistake in the arguments: said in one line, without a stack trace. */
export class WrongArguments extends Error {
  override readonly name = 'WrongArguments';
}

export function commandLine(name: string, description: string) {
  return new Command(name)
    .description(description)
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({ outputError: () => {} })
    .exitOverride();
}

/** Parses and runs, and ends the process: 2 for wrong arguments, else what the action answers. */
export async function runCommandLine(
  program: Command,
  action: () => Promise<number>,
): Promise<never> {
  try {
    program.parse();
    process.exit(await action());
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) process.exit(0);
    if (!(error instanceof CommanderError || error instanceof WrongArguments)) throw error;
    const reason = error.message.replace(/^error: /, '').replaceAll('\n', ' ');
    console.error(`${program.name()}: ${reason}`);
    process.exit(2);
  }
}
