import { CommanderError } from 'commander';

export type Failure = {
  readonly message: string;
  readonly exitCode: number;
  /** Whether only a change of the source mends it. */
  readonly isDefect?: boolean;
};

/** A mistake in what the user asked for. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Something that cannot be done as things are; the message says why. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
}

/** What the system says of a directory or disk that cannot hold our files. */
const unusable =
  /^(?:ENOSPC|EROFS|EACCES|EPERM|ENOTDIR|EEXIST|EISDIR|ENOENT|SQLITE_(?:CANTOPEN|FULL|READONLY).*)$/;

const usage = new Set(['UsageError', 'InvalidConfig']);
const foreseen = new Set([
  'DataDirectoryInUse',
  'ChainBroken',
  'DatabaseUnavailable',
  'LogHole',
  'RebuildRunning',
  'StoreTooNew',
  'UnknownWrappingKey',
  'VaultMissing',
  'LogShortened',
  'Refusal',
]);

export function describeFailure(error: unknown): Failure {
  if (error instanceof CommanderError) {
    return { message: error.message.replace(/^error: /, '').replaceAll('\n', ' '), exitCode: 2 };
  }
  if (!(error instanceof Error)) return { message: String(error), exitCode: 1 };
  if (usage.has(error.name)) return { message: error.message, exitCode: 2 };
  if (foreseen.has(error.name)) return { message: error.message, exitCode: 1 };
  if ((error as { code?: string }).code === 'EADDRINUSE') {
    return { message: 'The port is in use. Set PORT to another one.', exitCode: 1 };
  }
  const { code, path } = error as { code?: unknown; path?: unknown };
  if (typeof code === 'string' && unusable.test(code)) {
    const place = typeof path === 'string' ? ` (${path})` : '';
    return { message: `The data directory cannot be used: ${error.message}${place}.`, exitCode: 1 };
  }
  if (/^SQLITE_(?:CORRUPT|NOTADB)/.test(String((error as { code?: unknown }).code))) {
    return { message: `A store is damaged: ${error.message}.`, exitCode: 1 };
  }
  // What cannot be built has no stack, but places in the source.
  return { message: error.stack ?? Bun.inspect(error).trimEnd(), exitCode: 1, isDefect: true };
}
