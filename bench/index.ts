import { append } from './append.ts';
import { cleanUp } from './cleanup.ts';
import { sse, ws } from './fanout.ts';
import { installPeers } from './install.ts';
import { describeMachine } from './machine.ts';
import { help, readArguments, WrongArguments } from './options.ts';
import { query } from './query.ts';
import { replay } from './replay.ts';
import { markdown } from './report.ts';
import { cachedQuery, scale } from './scale.ts';
import { soak } from './soak.ts';

const benchmarks = { append, query, replay, sse, ws, scale, cache: cachedQuery, soak };
type Name = keyof typeof benchmarks;

/** Those that are measured against other packages. */
const withPeers: readonly Name[] = ['append', 'query'];

let interruption: Promise<void> | undefined;

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    interruption ??= cleanUp().then(() => process.exit(130));
  });
}

process.exit(await main(process.argv.slice(2)));

async function main(args: readonly string[]) {
  try {
    const { names, options, isHelp } = readArguments(args, Object.keys(benchmarks));
    if (isHelp) {
      console.log(help);
      return 0;
    }
    const hasPeers = withPeers.some((name) => names.includes(name));
    if (hasPeers) await installPeers();
    console.log(await describeMachine(options, hasPeers));
    for (const name of names as readonly Name[]) {
      console.log(`\n${markdown(await benchmarks[name](options))}`);
      await cleanUp();
    }
    return 0;
  } catch (error) {
    await interruption;
    console.error(`bench: ${(error as Error).message}`);
    return error instanceof WrongArguments ? 2 : 1;
  } finally {
    await cleanUp();
  }
}
