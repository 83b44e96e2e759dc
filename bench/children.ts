import { openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { atTheEnd, temporaryDirectory } from './cleanup.ts';
import type { FollowSpecification, HeldSpecification } from './follow-specification.ts';
import type { LoadResult, LoadSpecification } from './load-specification.ts';
import type { BenchOptions } from './options.ts';

export const host = '127.0.0.1';
export const benchRoot = import.meta.dir;
export const repositoryRoot = join(benchRoot, '..');

const readyTimeoutMs = 30_000;
const stopTimeoutMs = 10_000;

export type Server = {
  readonly port: number;
  readonly pid: number;
  readonly stop: () => Promise<void>;
};

type ServerDescription = {
  readonly name: string;
  readonly script: string;
  readonly args?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
};

export async function startServer(
  { name, script, args = [], environment = {} }: ServerDescription,
  options: BenchOptions,
): Promise<Server> {
  const port = freePort();
  const errorFile = join(temporaryDirectory(), 'stderr');
  const child = Bun.spawn(
    [...onCore(0, options), process.execPath, '--no-env-file', script, ...args],
    {
      cwd: repositoryRoot,
      env: { ...inherited(), ...environment, HOST: host, PORT: String(port) },
      stdin: 'ignore',
      stdout: 'ignore',
      stderr: openSync(errorFile, 'w'),
    },
  );
  const stop = () => end(child);
  atTheEnd(stop);
  await untilReady(name, port, child, errorFile);
  return { port, pid: child.pid, stop };
}

export function load(
  specification: Omit<LoadSpecification, 'host'>,
  options: BenchOptions,
): Promise<LoadResult> {
  return answerOf<LoadResult>({
    command: [...onCore(1, options), process.execPath, join(benchRoot, 'load.ts')],
    input: JSON.stringify({ ...specification, host }),
  });
}

export function follow(
  specification: Omit<FollowSpecification, 'host'>,
  options: BenchOptions,
): Promise<LoadResult> {
  return answerOf<LoadResult>({
    command: [...onCore(1, options), process.execPath, join(benchRoot, 'follow.ts')],
    input: JSON.stringify({ ...specification, host }),
  });
}

type Holding = { readonly script: string; readonly specification: HeldSpecification };

/** Opens streams in a process of their own; `leave` answers what each of them has received. */
export async function hold({ script, specification }: Holding, options: BenchOptions) {
  const opened = Promise.withResolvers<void>();
  const left = Promise.withResolvers<readonly number[]>();
  const child = Bun.spawn([...onCore(1, options), process.execPath, script], {
    cwd: repositoryRoot,
    env: inherited(),
    stdio: ['ignore', 'ignore', 'inherit'],
    ipc: (message: 'open' | readonly number[]) =>
      message === 'open' ? opened.resolve() : left.resolve(message),
    onExit: () => {
      const error = new Error('The process that holds the streams has ended.');
      opened.reject(error);
      left.reject(error);
    },
  });
  left.promise.catch(() => {});
  atTheEnd(() => end(child));
  child.send(specification);
  await opened.promise;
  return {
    leave() {
      child.send('leave');
      return left.promise;
    },
  };
}

/** Runs a peer that measures itself and prints its result as JSON. */
export function runPeer<Result>(
  script: string,
  environment: Readonly<Record<string, string>>,
  options: BenchOptions,
): Promise<Result> {
  const command = [...onCore(0, options), process.execPath, join(benchRoot, 'peers', script)];
  return answerOf<Result>({ command, environment });
}

type Question = {
  readonly command: string[];
  readonly input?: string;
  readonly environment?: Readonly<Record<string, string>>;
};

async function answerOf<Result>({ command, input = '', environment }: Question): Promise<Result> {
  const child = Bun.spawn(command, {
    cwd: repositoryRoot,
    env: { ...inherited(), ...environment },
    stdin: new Blob([input]),
    stdout: 'pipe',
    stderr: 'pipe',
  });
  atTheEnd(() => end(child));
  const [output, errors] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  if ((await child.exited) !== 0) throw new Error(lastLine(errors));
  return JSON.parse(output) as Result;
}

function inherited() {
  const isWanted = (name: string) =>
    ['PATH', 'HOME', 'TMPDIR', 'LANG', 'TZ'].includes(name) || name.startsWith('RATE_LIMIT_');
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => isWanted(name)));
}

function onCore(core: number, { isPinned }: BenchOptions) {
  return isPinned ? ['taskset', '--cpu-list', String(core)] : [];
}

export function freePort() {
  const probe = Bun.listen({ hostname: host, port: 0, socket: { data() {} } });
  const { port } = probe;
  probe.stop(true);
  return port;
}

async function untilReady(name: string, port: number, child: Bun.Subprocess, errorFile: string) {
  const deadline = Date.now() + readyTimeoutMs;
  while (Date.now() < deadline) {
    if (child.exitCode !== null || child.signalCode !== null) break;
    const answer = await fetch(`http://${host}:${port}/ready`).catch(() => undefined);
    if (answer?.ok) return;
    await Bun.sleep(50);
  }
  throw new Error(`${name} did not become ready: ${lastLine(readFileSync(errorFile, 'utf8'))}`);
}

async function end(child: Bun.Subprocess) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs);
  await child.exited;
  clearTimeout(timer);
}

function lastLine(text: string) {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return lines.find((line) => /error|cannot|load:/i.test(line)) ?? lines.at(-1) ?? 'no message';
}
