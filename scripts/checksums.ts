import { join } from 'node:path';
import { commandLine, root, runCommandLine, WrongArguments } from './command-line.ts';
import { fileOfChecksums, readChecksums, sumsOfMigrations } from './migration-sums.ts';

const program = commandLine(
  'checksums',
  'Records the checksums of new migrations; those of shipped ones stay as they are.',
);

await runCommandLine(program, async () => {
  const recorded = await readChecksums();
  const present = await sumsOfMigrations();
  for (const [name, sum] of Object.entries(recorded)) {
    if (present[name] !== sum) {
      throw new WrongArguments(`${name} is shipped and may be neither changed nor removed`);
    }
  }
  const added = Object.keys(present).filter((name) => !(name in recorded));
  await Bun.write(join(root, fileOfChecksums), `${JSON.stringify(present, null, 2)}\n`);
  console.log(
    added.length === 0 ? 'No new migrations.' : added.map((name) => `+ ${name}`).join('\n'),
  );
  return 0;
});
