// Runs before every script, on a machine with nothing but Node or nothing but Bun: installs what
// bun.lock names and `patches` mend, unless that is what the last install here has left.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const stamp = join(root, 'node_modules', '.installed-lock');
const bunVersion = JSON.parse(read('package.json')).devDependencies.bun;
const patches = readdirSync(join(root, 'patches')).toSorted();
const wanted = createHash('sha256')
  .update(
    ['package.json', 'bun.lock', ...patches.map((name) => `patches/${name}`)].map(read).join(),
  )
  .digest('hex');

if (installed() !== wanted) {
  const [command, ...args] = [...bun(), 'install', '--frozen-lockfile'];
  const { status, error } = spawnSync(command, args, {
    cwd: root,
    stdio: 'inherit',
    shell: onWindows(),
  });
  if (status !== 0) {
    console.error(
      `bootstrap: the dependencies could not be installed${error ? `: ${error.message}` : '.'}`,
    );
    process.exit(1);
  }
  writeFileSync(stamp, wanted);
}

/** This process if it is Bun, else the right Bun on the path, else one that npx fetches. */
function bun() {
  if (process.versions.bun) return [process.execPath];
  const found = spawnSync('bun', ['--version'], { encoding: 'utf8', shell: onWindows() });
  if (found.stdout?.trim() === bunVersion) return ['bun'];
  // npm 12 runs install scripts only where it is told to; older versions ignore the option.
  return ['npx', '--yes', '--allow-scripts=bun', `bun@${bunVersion}`];
}

function installed() {
  try {
    return readFileSync(stamp, 'utf8');
  } catch {
    return undefined;
  }
}

function read(name) {
  return readFileSync(join(root, name), 'utf8');
}

function onWindows() {
  return process.platform === 'win32';
}
