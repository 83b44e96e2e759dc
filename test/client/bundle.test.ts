import { expect, test } from 'bun:test';
import { join } from 'node:path';

const root = join(import.meta.dir, '../..');
const bytesMax = 25_000;

test('a front end that imports the client gets none of the server', async () => {
  const built = await Bun.build({
    entrypoints: [join(root, 'src/client/index.ts')],
    target: 'browser',
    minify: true,
    sourcemap: 'external',
  });
  const [code, map] = ['entry-point', 'sourcemap'].map((kind) =>
    built.outputs.find((output) => output.kind === kind),
  );
  const text = await code!.text();
  const { sources } = (await map!.json()) as { readonly sources: readonly string[] };
  const foreign = sources.filter(
    (source) => !/(?:^|\/)src\/client\/|\/@elysiajs\/eden\//.test(source.replaceAll('\\', '/')),
  );
  expect(sources.length).toBeGreaterThan(5);
  expect(foreign).toEqual([]);
  expect(text).not.toMatch(/["'`](?:node|bun):|\bBun\b|\bprocess\./);
  expect(text.length).toBeLessThan(bytesMax);
});
