import { parseArgs } from 'node:util';

export type BenchOptions = {
  readonly rounds: number;
  readonly seconds: number;
  readonly events: number;
  readonly paceMs: number;
  readonly isPinned: boolean;
};

export class WrongArguments extends Error {
  override readonly name = 'WrongArguments';
}

export const help = `Usage: bun run bench [NAME…] [options]

Names: append, query, replay, sse, ws, soak, scale, cache (default: all of them)

Options:
  --rounds N    rounds in which every variant is measured once (default 5)
  --seconds N   seconds a variant is measured in a round (default 4)
  --events N    events in the log that replay reads (default 200000)
  --pace N      ms between two batches of sse and ws, at least; 0 for none (default 5)
  --pin         servers on core 0, load generator on core 1 (needs taskset)
  --help        this text

Prints ratios measured in one run on one machine, as Markdown.`;

export function readArguments(args: readonly string[], known: readonly string[]) {
  const { values, positionals } = parse(args);
  const unknown = positionals.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new WrongArguments(`unknown benchmark "${unknown}", expected ${known.join(', ')}`);
  }
  const options: BenchOptions = {
    rounds: wholeNumber('rounds', values.rounds, 5),
    seconds: wholeNumber('seconds', values.seconds, 4),
    events: wholeNumber('events', values.events, 200_000),
    paceMs: wholeNumber('pace', values.pace, 5, 0),
    isPinned: values.pin ?? false,
  };
  if (options.isPinned && Bun.which('taskset') === null) {
    throw new WrongArguments('--pin needs taskset, which is not installed');
  }
  return { names: positionals.length > 0 ? positionals : known, options, isHelp: values.help };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        rounds: { type: 'string' },
        seconds: { type: 'string' },
        events: { type: 'string' },
        pace: { type: 'string' },
        pin: { type: 'boolean' },
        help: { type: 'boolean' },
      },
    });
  } catch (error) {
    throw new WrongArguments((error as Error).message.split('. ')[0]);
  }
}

function wholeNumber(name: string, text: string | undefined, fallback: number, least = 1) {
  if (text === undefined) return fallback;
  if (!/^(0|[1-9]\d{0,8})$/.test(text) || Number(text) < least) {
    throw new WrongArguments(`--${name} must be a whole number from ${least}, got "${text}"`);
  }
  return Number(text);
}
