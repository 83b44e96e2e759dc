// What a test file needs besides Bun: it is known by what it imports, over however many files.
import { dirname, join } from 'node:path';
import { root } from './command-line.ts';

const providers = {
  postgres: join(root, 'src/testing/postgres.ts'),
  redis: join(root, 'src/testing/redis.ts'),
  chromium: join(root, 'test/browser/page.ts'),
};

const servers = join(root, 'src/testing/server.ts');

/** What starts a database of its own is about PostgreSQL whatever is chosen. */
const ofPostgres = [providers.postgres, join(root, 'scripts/postgres.ts')];

export type Service = keyof typeof providers;

const transpiler = new Bun.Transpiler({ loader: 'ts' });
const imports = new Map<string, Promise<readonly string[]>>();

/** @param files Paths of test files, from the root of the repository. */
export async function servicesFor(files: readonly string[]): Promise<ReadonlySet<Service>> {
  const reached = await reachedFrom(files);
  const services = Object.keys(providers) as Service[];
  return new Set(services.filter((service) => reached.has(providers[service])));
}

/** Those whose servers run on whichever engine is chosen; some are about files or PostgreSQL alone. */
export async function onEitherEngine(files: readonly string[]): Promise<readonly string[]> {
  const either: string[] = [];
  for (const file of files) {
    const reached = await reachedFrom([file]);
    const isAboutOne =
      file.endsWith('-in-files.test.ts') || ofPostgres.some((one) => reached.has(one));
    if (reached.has(servers) && !isAboutOne) either.push(file);
  }
  return either;
}

async function reachedFrom(files: readonly string[]): Promise<ReadonlySet<string>> {
  const reached = new Set<string>();
  const waiting = files.map((file) => join(root, file));
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (reached.has(file)) continue;
    reached.add(file);
    const known = imports.get(file) ?? importedBy(file);
    imports.set(file, known);
    waiting.push(...(await known));
  }
  return reached;
}

/** The files of this repository that it always imports: what it may import does not tell what it needs. */
async function importedBy(file: string): Promise<readonly string[]> {
  const imports = transpiler.scanImports(await Bun.file(file).text());
  return imports
    .filter(({ kind }) => kind === 'import-statement')
    .map(({ path }) => path)
    .filter((path) => path.startsWith('.') && path.endsWith('.ts'))
    .map((path) => join(dirname(file), path));
}
