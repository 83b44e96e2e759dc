// The browser that drives the pages in tests. No package brings one without a download of its own, so it
// comes from the system: found on the path, or installed where that may be done without asking.
import { existsSync } from 'node:fs';

export type Machine = {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly isRoot: boolean;
};

const thisMachine: Machine = {
  environment: process.env,
  isRoot: process.getuid?.() === 0,
};

const names = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'];
const onMac = '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome';
const steps = [
  ['apt-get', 'update'],
  ['apt-get', 'install', '--yes', '--no-install-recommends', 'chromium'],
];

/** @throws Error with the command that brings it. */
export function requireChromium(machine: Machine = thisMachine): string {
  const found = findChromium(machine);
  if (found) return found;
  const command = steps.map((step) => ['sudo', ...step].join(' ')).join(' && ');
  throw new Error(`No Chromium is on the path. On Debian this brings it: ${command}`);
}

/** Installs Chromium where there is none, as root of a system with apt-get; says why if it cannot. */
export async function provideChromium(machine: Machine = thisMachine): Promise<void> {
  if (findChromium(machine) || !machine.isRoot || !onPath('apt-get', machine)) return;
  console.log('Installing Chromium, for the tests of pages.');
  for (const step of steps) {
    const failure = await run(step, machine);
    if (failure === undefined) continue;
    console.error(`${step.join(' ')} failed.\n${failure}`);
    return;
  }
}

/** BUN_CHROME_PATH goes before what is on the path. */
function findChromium(machine: Machine): string | undefined {
  const given = machine.environment['BUN_CHROME_PATH'];
  const found = given || names.map((name) => onPath(name, machine)).find(Boolean);
  return found ?? (existsSync(onMac) ? onMac : undefined);
}

const onPath = (name: string, { environment }: Machine) =>
  Bun.which(name, { PATH: environment['PATH'] ?? '' });

/** What it said if it failed. */
async function run(step: readonly string[], machine: Machine): Promise<string | undefined> {
  const [name = '', ...args] = step;
  const child = Bun.spawn([onPath(name, machine) ?? name, ...args], {
    env: { ...machine.environment, DEBIAN_FRONTEND: 'noninteractive' },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  });
  const texts = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return (await child.exited) === 0 ? undefined : texts.join('').trim();
}
