// The migrations of each dialect end in what src/projections declares.
import { afterAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { cpSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { temporaryDirectory } from '../src/testing/directory.ts';

setDefaultTimeout(60_000);

const root = join(import.meta.dir, '..');
const temporary = temporaryDirectory();

const dialects = [
  { folder: 'sqlite', dialect: 'sqlite', schema: './src/projections/!(*.test).ts' },
  { folder: 'postgres', dialect: 'postgresql', schema: './migrations/read-model/tables.cjs' },
];

afterAll(() => temporary.remove());

describe('the migrations of the read models', () => {
  test.each(dialects)(
    'for $folder lack nothing of the declared tables: `bun run db:generate` writes what they lack',
    async ({ folder, dialect, schema }) => {
      const shipped = join(root, 'migrations/read-model', folder);
      const copy = join(temporary.path, folder);
      cpSync(shipped, copy, { recursive: true });
      const options = { dialect, schema, out: relative(root, copy) };
      const flags = Object.entries(options).map(([name, value]) => `--${name}=${value}`);
      const kit = Bun.spawn([process.execPath, '--bun', 'x', 'drizzle-kit', 'generate', ...flags], {
        cwd: root,
        stdout: 'pipe',
        stderr: 'pipe',
      });
      const said = await kit.stdout.text();
      expect({ exitCode: await kit.exited, said }).toMatchObject({ exitCode: 0 });
      expect(said).toContain('No schema changes');
      expect(readdirSync(copy).toSorted()).toEqual(readdirSync(shipped).toSorted());
    },
  );
});
