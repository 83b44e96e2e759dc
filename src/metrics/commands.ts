import { createGrid } from './grid.ts';
import type { Family } from './family.ts';
import { createTally, secondsSince } from './tally.ts';

type Outcome = { readonly ok: true; readonly isRepeated: boolean } | { readonly ok: false };
type Handler = (id: string, command: never, context: never) => Promise<Outcome>;

/** How long commands take and how they end. */
export function createCommandMeter() {
  const durations = createGrid(createTally);

  function measured(handle: Handler): Handler {
    const measuring: Handler = (id, command, context) => {
      const startedAt = performance.now();
      const note = (outcome: string) =>
        durations.at((command as { type: string }).type, outcome).observe(secondsSince(startedAt));
      const answer = handle(id, command, context);
      answer.then(
        (outcome) => note(nameOf(outcome)),
        (error: Error) => note(error.name === 'VersionConflict' ? 'conflict' : 'failed'),
      );
      return answer;
    };
    return Object.assign(measuring, handle);
  }

  const families: readonly Family[] = [
    {
      type: 'histogram',
      name: 'refold_command_duration_seconds',
      help: 'From a command to its outcome: accepted, repeated, refused, conflict or failed.',
      *read() {
        for (const [command, outcome, tally] of durations.cells()) {
          yield { labels: { command, outcome }, tally };
        }
      },
    },
  ];
  return {
    /** The same commands, measured. */
    watch<Commands extends Readonly<Record<string, Handler>>>(commands: Commands): Commands {
      const entries = Object.entries(commands).map(([name, one]) => [name, measured(one)] as const);
      return Object.fromEntries(entries) as unknown as Commands;
    },
    families,
  };
}

function nameOf(outcome: Outcome): string {
  if (!outcome.ok) return 'refused';
  return outcome.isRepeated ? 'repeated' : 'accepted';
}
