// The command line as an operator uses it: a process with arguments, standard input and exit code.
import { join } from 'node:path';

const runMsMax = 30_000;

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

export function spawnCommand(
  args: readonly string[],
  { directory, environment, input }: CommandLine,
) {
  const child = Bun.spawn([process.execPath, '--no-env-file', 'src/cli.ts', ...args], {
    cwd: join(import.meta.dir, '../..'),
    env: {
      PATH: process.env['PATH'] ?? '',
      NODE_ENV: 'test',
      HOST: '127.0.0.1',
      PORT: '0',
      DATABASE_URL: `sqlite:${directory}`,
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
  const child = spawnCommand(args, options);
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return { exitCode: await child.exited, stdout, stderr };
}
