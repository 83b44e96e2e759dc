// What installs the dependencies before each script, in a directory that has none yet.
import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { cpSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryDirectory } from '../src/testing/directory.ts';

setDefaultTimeout(120_000);

const root = join(import.meta.dir, '..');
const copied = ['package.json', 'bun.lock', 'patches', '.npmrc', 'scripts/bootstrap.mjs'];
const lock = 'node_modules/.installing';

let place: ReturnType<typeof temporaryDirectory>;
beforeEach(() => {
  place = temporaryDirectory();
  for (const name of copied) cpSync(join(root, name), join(place.path, name), { recursive: true });
});
afterEach(() => place.remove());

async function bootstrap() {
  const child = Bun.spawn([process.execPath, 'scripts/bootstrap.mjs'], {
    cwd: place.path,
    stdout: 'pipe',
    stderr: 'pipe',
  });
  const [said, errors] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return { exitCode: await child.exited, text: said + errors };
}

const has = (name: string) => existsSync(join(place.path, name));

describe('installing what is missing', () => {
  test('is done by one of several that start at once, and all find it', async () => {
    const runs = await Promise.all([bootstrap(), bootstrap(), bootstrap()]);
    expect(runs.map(({ exitCode }) => exitCode)).toEqual([0, 0, 0]);
    expect(runs.filter(({ text }) => text.includes('packages installed'))).toHaveLength(1);
    expect(has('node_modules/.bin/bun')).toBe(true);
    expect(has(lock)).toBe(false);
    expect(await bootstrap()).toEqual({ exitCode: 0, text: '' });
  });

  test('does not wait for one that was killed, and mends what it left', async () => {
    const dead = Bun.spawn(['true']);
    await dead.exited;
    mkdirSync(join(place.path, 'node_modules'));
    writeFileSync(join(place.path, lock), String(dead.pid));
    expect((await bootstrap()).exitCode).toBe(0);
    rmSync(join(place.path, 'node_modules/.bin/bun'));
    expect((await bootstrap()).exitCode).toBe(0);
    expect(has('node_modules/.bin/bun')).toBe(true);
  });

  test('is done again when a patch has changed', async () => {
    expect((await bootstrap()).exitCode).toBe(0);
    const patch = join(place.path, 'patches/postgres@3.4.9.patch');
    const text = await Bun.file(patch).text();
    writeFileSync(patch, text.replaceAll('something must be heard', 'anything must be heard'));
    expect((await bootstrap()).exitCode).toBe(0);
    const patched = join(place.path, 'node_modules/postgres/src/connection.js');
    expect(await Bun.file(patched).text()).toContain('anything must be heard');
  });

  test('asks nothing of Node that the first 20 has not', async () => {
    const text = await Bun.file(join(root, 'scripts/bootstrap.mjs')).text();
    expect(text).not.toMatch(/import\.meta\.(?:dirname|filename|main)/);
  });
});
