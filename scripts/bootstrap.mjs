// Runs before every script, on a machine with nothing but Node or nothing but Bun: installs what
// bun.lock names and `patches` mend, unless that is what the last install here has left.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const stamp = join(root, 'node_modules', '.installed-lock');
/** Holds the id of the process that installs: of two at once each would undo the other's work. */
const lock = join(root, 'node_modules', '.installing');
const lockMsMax = 10 * 60 * 1_000;
const lookMs = 100;
const bunVersion = JSON.parse(read('package.json')).devDependencies.bun;
const patches = readdirSync(join(root, 'patches')).toSorted();
const wanted = createHash('sha256')
  .update(
    ['package.json', 'bun.lock', ...patches.map((name) => `patches/${name}`)].map(read).join(),
  )
  .digest('hex');

if (!isInstalled()) {
  mkdirSync(dirname(lock), { recursive: true });
  while (!isLocked()) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, lookMs);
  process.on('exit', () => rmSync(lock, { force: true }));
  if (!isInstalled()) install();
}

function install() {
  rmSync(stamp, { force: true });
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

function isInstalled() {
  const bins = join(root, 'node_modules', '.bin');
  if (!['bun', 'bun.exe', 'bun.cmd'].some((name) => existsSync(join(bins, name)))) return false;
  return existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted;
}

/** Takes the lock if it is free; removes that of a process which has ended without doing so. */
function isLocked() {
  try {
    writeFileSync(lock, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
    if (isLeft()) rmSync(lock, { force: true });
    return false;
  }
}

function isLeft() {
  try {
    if (Date.now() - statSync(lock).mtimeMs > lockMsMax) return true;
    process.kill(Number(readFileSync(lock, 'utf8')), 0);
    return false;
  } catch (error) {
    return error.code === 'ESRCH';
  }
}

function read(name) {
  return readFileSync(join(root, name), 'utf8');
}

function onWindows() {
  return process.platform === 'win32';
}
