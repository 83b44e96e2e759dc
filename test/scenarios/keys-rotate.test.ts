// An operator puts another CRYPTO_SECRET in the place of one that may have become known.
import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand } from '../../src/testing/command-line.ts';
import { placeOf } from '../../src/testing/engine.ts';
import { signIn, signUp, spawnServer, temporaryDirectory } from '../../src/testing/server.ts';

setDefaultTimeout(60_000);

const older = 'Older-4f7d0a1b9c3e5f8a2d6c0b1e7f3a';
const newer = 'Newer-9e1c7b3a5d0f2e4c6a8b0d1f5b2c';
const room = 'lobby';

let temporary: ReturnType<typeof temporaryDirectory>;
let servers: Awaited<ReturnType<typeof spawnServer>>[];

beforeEach(() => {
  temporary = temporaryDirectory();
  servers = [];
});
afterEach(async () => {
  for (const { child } of servers) child.kill('SIGKILL');
  await Promise.all(servers.map(({ child }) => child.exited));
  await (await placeOf(temporary.path)).remove();
  temporary.remove();
});

const secrets = (crypto: string) => ({
  JWT_SECRET: 'Access-1a3c5e7f9b0d2f4a6c8e0b1d4e',
  JWT_REFRESH_SECRET: 'Refresh-7b9d1f3a5c7e9a0b2d4f6c8a1',
  CRYPTO_SECRET: crypto,
});

async function start(crypto: string) {
  const server = await spawnServer(temporary.path, secrets(crypto));
  servers.push(server);
  return server;
}

async function stop({ child }: Awaited<ReturnType<typeof start>>) {
  child.kill('SIGTERM');
  expect(await child.exited).toBe(0);
}

async function rotate(crypto: string) {
  const { environment: ofPlace } = await placeOf(temporary.path);
  const environment = { ...ofPlace, ...secrets(crypto) };
  return await runCommand(['keys:rotate'], { directory: temporary.path, environment });
}

const wrappings = async () => {
  const rows = await (
    await placeOf(temporary.path)
  ).run('vault', 'SELECT wrapped_key FROM persons');
  return rows.map((row) => row['wrapped_key'] as string);
};

/** Somebody with a message, and how to see that it can be read. */
async function somebody(url: string) {
  const { email, client } = await signUp(url, { name: 'Ada' });
  await client.chat({ room }).messages.post({ text: 'read me' });
  return {
    async expectReadable(nextUrl: string) {
      const again = await signIn(nextUrl, email);
      expect((await again.client.profile.get()).data?.name).toBe('Ada');
      const response = await fetch(`${nextUrl}/events?after=0&types=MessagePosted`, {
        headers: { authorization: `Bearer ${again.accessToken}` },
      });
      expect(await response.text()).toContain('read me');
    },
  };
}

describe('keys:rotate', () => {
  test('lets the old secret go, once everything is wrapped by the new one', async () => {
    const first = await start(older);
    const ada = await somebody(first.url);
    await stop(first);
    const before = await wrappings();

    const rotated = await rotate(`${newer},${older}`);
    expect(rotated).toMatchObject({ exitCode: 0, stderr: '' });
    expect(rotated.stdout).toStartWith('2 keys were wrapped anew, 0 were so already.\n');
    const again = await rotate(`${newer},${older}`);
    expect(again.stdout).toStartWith('0 keys were wrapped anew, 2 were so already.\n');
    // What the old secret opens is in no file of SQLite any more.
    for (const file of readdirSync(temporary.path).filter((name) => name.startsWith('vault'))) {
      const bytes = readFileSync(join(temporary.path, file)).toString('latin1');
      for (const wrapping of before) expect(bytes.includes(wrapping)).toBe(false);
    }

    const second = await start(newer);
    await ada.expectReadable(second.url);
    await stop(second);
    const refused = await rotate(older);
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toStartWith('No secret of CRYPTO_SECRET');
  });

  test('works beside a running server that has the new secret, and is refused beside one that has not', async () => {
    const first = await start(older);
    const ada = await somebody(first.url);
    if ((await placeOf(temporary.path)).database.engine === 'sqlite') {
      const refused = await rotate(`${newer},${older}`);
      expect(refused).toMatchObject({ exitCode: 1, stdout: '' });
      expect(refused.stderr).toContain('Restart it with the new one first.');
    }
    await stop(first);
    const second = await start(`${newer},${older}`);
    const rotated = await rotate(`${newer},${older}`);
    expect(rotated.stdout).toStartWith('2 keys were wrapped anew');
    await ada.expectReadable(second.url);
    await stop(second);
    const third = await start(newer);
    await ada.expectReadable(third.url);
  });
});
