import { expect, test } from 'bun:test';
import { join } from 'node:path';
import { startServer, temporaryDirectory } from '../../src/testing/server.ts';

const root = join(import.meta.dir, '../..');
const tools = join(import.meta.dir, 'generated-client');
const directory = temporaryDirectory();
const file = (name: string) => join(directory.path, name);

const client = `
import type { operations, paths } from './api.ts';

type Created = paths['/products']['post']['responses'][201]['content']['application/json'];
type NewProduct = NonNullable<
  paths['/products']['post']['requestBody']
>['content']['application/json'];
type Query = operations['getProducts']['parameters']['query'];

export const product: NewProduct = { name: 'Mug', price: 12.5, sku: 'MUG-1' };
export const query: Query = { limit: 5 };
export const nameOf = ({ name }: Created): string => name;
`;

/** Runs Bun; answers what it said and its exit code. */
async function run(cwd: string, ...command: readonly string[]) {
  const child = Bun.spawn([process.execPath, ...command], { cwd, stdout: 'pipe', stderr: 'pipe' });
  const texts = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return { exitCode: await child.exited, text: texts.join('') };
}

test('the OpenAPI document makes a typed client that compiles', async () => {
  const server = await startServer();
  await Bun.write(file('openapi.json'), await (await fetch(`${server.url}/docs/json`)).text());
  await server.stop();
  // The generator needs TypeScript 5, so it has a lock file of its own.
  expect(await run(tools, 'install', '--frozen-lockfile')).toMatchObject({ exitCode: 0 });
  const generator = join(tools, 'node_modules/openapi-typescript/bin/cli.js');
  const generated = await run(
    tools,
    '--bun',
    generator,
    file('openapi.json'),
    '-o',
    file('api.ts'),
  );
  expect(generated).toMatchObject({ exitCode: 0 });

  const options = { strict: true, noEmit: true, target: 'ESNext', module: 'Preserve' };
  const compilerOptions = { ...options, types: [], allowImportingTsExtensions: true };
  await Bun.write(file('tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }));
  await Bun.write(file('use.ts'), client);
  const check = ['check', '--no-script', '-p', directory.path] as const;
  expect(await run(root, ...check)).toMatchObject({ exitCode: 0 });
  await Bun.write(file('use.ts'), client.replace('price: 12.5', "price: '12.5'"));
  expect((await run(root, ...check)).exitCode).not.toBe(0);
  directory.remove();
}, 120_000);
