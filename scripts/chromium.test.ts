import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryDirectory } from '../src/testing/directory.ts';
import { provideChromium, requireChromium } from './chromium.ts';
import type { Machine } from './system-package.ts';

let directory: ReturnType<typeof temporaryDirectory>;
const file = (name: string) => join(directory.path, name);

beforeEach(() => {
  directory = temporaryDirectory();
});
afterEach(() => directory.remove());

async function executable(name: string, script: string) {
  await Bun.write(file(name), `#!/bin/sh\n${script}\n`);
  await chmod(file(name), 0o755);
}

/** A machine that has on its path what the test puts there, and on which `apt-get` is a script. */
const machine = (given: Partial<Machine> = {}): Machine => ({
  environment: { PATH: directory.path },
  isRoot: true,
  ...given,
});

/** Notes what it was told; puts Chromium on the path when that is to install. */
const aptGet = () => `echo "$@" >> "$0.log"
[ "$1" = update ] || /bin/cp "$0" "${file('chromium')}"`;

describe('on a machine without Chromium', () => {
  test('a test that needs it fails with the command that brings it', () => {
    expect(() => requireChromium(machine())).toThrow(
      'sudo apt-get update && sudo apt-get install --yes --no-install-recommends chromium',
    );
  });

  test('root gets it from the packages of the system', async () => {
    await executable('apt-get', aptGet());
    await provideChromium(machine());
    expect(requireChromium(machine())).toBe(file('chromium'));
    expect(await Bun.file(file('apt-get.log')).text()).toBe(
      'update\ninstall --yes --no-install-recommends chromium\n',
    );
  });

  test('nothing is installed for anybody else', async () => {
    await executable('apt-get', aptGet());
    await provideChromium(machine({ isRoot: false }));
    expect(() => requireChromium(machine())).toThrow('No Chromium');
  });
});

describe('on a machine with Chromium', () => {
  test('nothing is installed', async () => {
    await executable('apt-get', aptGet());
    await executable('google-chrome', 'exit 0');
    await provideChromium(machine());
    expect(requireChromium(machine())).toBe(file('google-chrome'));
    expect(await Bun.file(file('apt-get.log')).exists()).toBe(false);
  });

  test('another than that on the path can be named', () => {
    const environment = { PATH: directory.path, BUN_CHROME_PATH: '/opt/chrome' };
    expect(requireChromium(machine({ environment }))).toBe('/opt/chrome');
  });
});
