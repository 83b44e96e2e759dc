import { CommanderError } from 'commander';

export type Failure = { readonly message: string; readonly exitCode: number };

/** A mistake in what the user asked for. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Something that cannot be done as things are; the message says why. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
}

const usage = new Set(['UsageError', 'InvalidConfig']);
const foreseen = new Set([
  'DataDirectoryInUse',
  'ChainBroken',
  'StoreTooNew',
  'UnknownWrappingKey',
  'LogShortened',
  'Refusal',
]);

export function describeFailure(error: unknown): Failure {
  if (error instanceof CommanderError) {
    return { message: error.message.replace(/^error: /, ''), exitCode: 2 };
  }
  if (!(error instanceof Error)) return { message: String(error), exitCode: 1 };
  if (usage.has(error.name)) return { message: error.message, exitCode: 2 };
  if (foreseen.has(error.name)) return { message: error.message, exitCode: 1 };
  if ((error as { code?: string }).code === 'EADDRINUSE') {
    return { message: 'The port is in use. Set PORT to another one.', exitCode: 1 };
  }
  if (/^SQLITE_(?:CORRUPT|NOTADB)/.test(String((error as { code?: unknown }).code))) {
    return { message: `A store is damaged: ${error.message}.`, exitCode: 1 };
  }
  return { message: error.stack ?? error.message, exitCode: 1 };
}
