// The peers' packages are not the product's: they are installed when a benchmark first needs them.
import { existsSync, rmSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { benchRoot } from './children.ts';

/** What the installation makes last; without it an earlier one was cut short. */
const builtLast = join('sqlite3', 'build', 'Release', 'node_sqlite3.node');

export async function installPeers(): Promise<void> {
  const modules = join(benchRoot, 'node_modules');
  if (existsSync(join(modules, builtLast))) return;
  rmSync(modules, { recursive: true, force: true });
  console.error('bench: installing the peers, which may compile SQLite for a minute');
  const headers = nodeWithHeaders();
  const child = Bun.spawn([process.execPath, 'install', '--frozen-lockfile'], {
    cwd: benchRoot,
    // Where there is no network for node-gyp, the headers beside Node serve.
    env: { ...process.env, ...(headers && { npm_config_nodedir: headers }) },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if ((await child.exited) !== 0) throw new Error('the peers could not be installed');
}

/** Where Node is installed with its headers; Bun puts a `node` of its own, without, before it in PATH. */
function nodeWithHeaders(): string | undefined {
  for (const directory of (process.env['PATH'] ?? '').split(delimiter)) {
    const node = Bun.which('node', { PATH: directory });
    const root = node && dirname(dirname(node));
    if (root && existsSync(join(root, 'include', 'node', 'node_api.h'))) return root;
  }
  return undefined;
}
