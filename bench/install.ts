// The peers' packages are not the product's: they are installed when a benchmark first runs.
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { benchRoot } from './children.ts';

export async function installPeers(): Promise<void> {
  if (existsSync(join(benchRoot, 'node_modules', 'sqlite3'))) return;
  console.error('bench: installing the peers, which may compile SQLite for a minute');
  const node = Bun.which('node');
  const child = Bun.spawn([process.execPath, 'install', '--frozen-lockfile'], {
    cwd: benchRoot,
    // Where there is no network for node-gyp, the headers beside node serve.
    env: { ...process.env, ...(node && { npm_config_nodedir: dirname(dirname(node)) }) },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if ((await child.exited) !== 0) throw new Error('the peers could not be installed');
}
