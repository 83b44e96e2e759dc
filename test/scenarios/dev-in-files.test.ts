// `dev` on a copy of the source, which the test breaks and mends.
import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { cpSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryDirectory } from '../../src/testing/server.ts';

setDefaultTimeout(60_000);

const root = join(import.meta.dir, '../..');
const copied = ['src', 'migrations', 'package.json', 'tsconfig.json', 'bunfig.toml'];

let place: ReturnType<typeof temporaryDirectory>;
let server: ReturnType<typeof startDev>;

beforeEach(() => {
  place = temporaryDirectory();
  for (const name of copied) cpSync(join(root, name), join(place.path, name), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(place.path, 'node_modules'));
  server = startDev();
});
afterEach(async () => {
  server.child.kill('SIGTERM');
  await server.child.exited;
  place.remove();
});

function startDev() {
  const child = Bun.spawn([process.execPath, '--no-env-file', 'src/cli.ts', 'dev'], {
    cwd: place.path,
    env: { PATH: process.env['PATH'] ?? '', NODE_ENV: 'test', HOST: '127.0.0.1', PORT: '0' },
    stdout: 'pipe',
    stderr: 'pipe',
  });
  return { child, says: readerOf(child.stdout), complains: readerOf(child.stderr) };
}

/** Reads until a text comes that was not there before, and answers what has come since the last time. */
function readerOf(stream: ReadableStream<Uint8Array>) {
  const chunks = stream.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  return async (wanted: string): Promise<string> => {
    while (!rest.includes(wanted)) {
      const { done, value } = await chunks.read();
      if (done) throw new Error(`It ended without "${wanted}": ${rest}`);
      rest += value;
    }
    const said = rest;
    rest = '';
    return said;
  };
}

describe('a server in development', () => {
  test.each([
    ['cannot be built', 'this is not TypeScript', 'not'],
    ['fails at once', "throw new Error('a slip');", 'a slip'],
  ])('whose source %s says why, and serves again when it is mended', async (_, line, reason) => {
    await server.says('listening');
    const file = Bun.file(join(place.path, 'src/http/errors.ts'));
    const text = await file.text();
    await file.write(`${text}\n${line}\n`);
    const complaint = await server.complains('errors.ts');
    expect(complaint).toContain(reason);
    await file.write(text);
    expect(await server.says('listening')).toContain('"url"');
  });

  test('ends with its reason where no change of the source would help', async () => {
    await server.says('listening');
    const second = startDev();
    expect(await second.complains('\n')).toContain('is in use by process');
    expect(await second.child.exited).toBe(1);
  });
});
