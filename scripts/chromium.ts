// The browser that drives the pages in tests.
import { existsSync } from 'node:fs';
import { install, type Machine, missing, onPath, thisMachine } from './system-package.ts';

const chromium = { name: 'chromium', title: 'Chromium' };
const names = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'];
const onMac = '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome';

/** @throws Error with the command that brings it. */
export function requireChromium(machine: Machine = thisMachine): string {
  const found = findChromium(machine);
  if (found) return found;
  throw missing(chromium);
}

/** Installs Chromium where there is none, as root of a system with apt-get; says why if it cannot. */
export async function provideChromium(machine: Machine = thisMachine): Promise<void> {
  if (!findChromium(machine)) await install(chromium, machine);
}

/** BUN_CHROME_PATH goes before what is on the path. */
function findChromium(machine: Machine): string | undefined {
  const given = machine.environment['BUN_CHROME_PATH'];
  const found = given || names.map((name) => onPath(name, machine)).find(Boolean);
  return found ?? (existsSync(onMac) ? onMac : undefined);
}
