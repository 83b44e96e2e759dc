import { join } from 'node:path';
import { root } from './command-line.ts';

export const fileOfChecksums = 'migrations/checksums.json';

type Checksums = Readonly<Record<string, string>>;

/** The checksums as they were when each migration shipped. */
export async function readChecksums(): Promise<Checksums> {
  const file = Bun.file(join(root, fileOfChecksums));
  return (await file.exists()) ? ((await file.json()) as Checksums) : {};
}

export async function sumsOfMigrations(): Promise<Checksums> {
  const names = await Array.fromAsync(new Bun.Glob('migrations/**/*.sql').scan(root));
  const sums = names.toSorted().map(async (name) => {
    const bytes = await Bun.file(join(root, name)).bytes();
    return [name, new Bun.CryptoHasher('sha256').update(bytes).digest('hex')] as const;
  });
  return Object.fromEntries(await Promise.all(sums));
}
