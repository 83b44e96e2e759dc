// The command line as an operator uses it: a process with arguments, standard input and exit code.
import { join } from 'node:path';
import { placeOf } from './engine.ts';

const runMsMax = 60_000;

const cli = join(import.meta.dir, '../cli.ts');

export type CommandLine = {
  readonly directory: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** For standard input. */
  readonly input?: string;
};

export type Finished = {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
};

/** Runs the command line beside a data directory, which is where it keeps what is not in the stores. */
export async function spawnCommand(
  args: readonly string[],
  { directory, environment, input }: CommandLine,
) {
  const place = await placeOf(directory);
  const child = Bun.spawn([process.execPath, '--no-env-file', cli, ...args], {
    cwd: directory,
    env: {
      PATH: process.env['PATH'] ?? '',
      NODE_ENV: 'test',
      HOST: '127.0.0.1',
      PORT: '0',
      ...place.environment,
      ...environment,
    },
    stdin: 'pipe',
    // A server that starts although it must not would outlive its test.
    timeout: runMsMax,
    killSignal: 'SIGKILL',
    stdout: 'pipe',
    stderr: 'pipe',
  });
  // A pipe even when nothing goes through it: an empty Blob would make Bun open /dev/null instead.
  if (input !== undefined) child.stdin.write(input);
  child.stdin.end();
  return child;
}

export async function runCommand(args: readonly string[], options: CommandLine): Promise<Finished> {
  const child = await spawnCommand(args, options);
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return { exitCode: await child.exited, stdout, stderr };
}
