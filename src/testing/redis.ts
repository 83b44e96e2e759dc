// A Redis server of a test's own, on a free port: it can be killed, frozen, flushed, and started again with
// its data, without, or with what it had a while ago.
import { cpSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { temporaryDirectory } from './directory.ts';

const howToInstall = 'redis-server is missing. Install it: apt-get install --yes redis-server';

export type TestRedis = Awaited<ReturnType<typeof startRedis>>;

/** It keeps on disk what it acknowledges, so that a restart loses nothing. */
export async function startRedis() {
  if (Bun.which('redis-server') === null) throw new Error(howToInstall);
  const directory = temporaryDirectory();
  const data = join(directory.path, 'data');
  const earlier = join(directory.path, 'earlier');
  const port = await freePort();
  const url = `redis://127.0.0.1:${port}`;
  let child = await launch(port, data);

  return {
    port,
    url,
    freeze: () => child.kill('SIGSTOP'),
    thaw: () => child.kill('SIGCONT'),
    async kill() {
      child.kill('SIGKILL');
      await child.exited;
    },
    /** Starts it again after it was killed, on the same port. */
    async restart() {
      child = await launch(port, data);
    },
    /** Starts it again with nothing. */
    async restartEmpty() {
      rmSync(data, { recursive: true });
      child = await launch(port, data);
    },
    /** Remembers what it holds now. */
    remember: () => cpSync(data, earlier, { recursive: true, force: true }),
    /** Starts it again with what `remember` has found. */
    async restartAsRemembered() {
      rmSync(data, { recursive: true });
      cpSync(earlier, data, { recursive: true });
      child = await launch(port, data);
    },
    flush: () => asked(url, (redis) => redis.flushall()),
    /** All keys and values it holds, as text. */
    contents: () => asked(url, contentsOf),
    async stop() {
      child.kill('SIGKILL');
      await child.exited;
      directory.remove();
    },
  };
}

async function asked<Answer>(url: string, question: (redis: Redis) => Promise<Answer>) {
  const redis = new Redis(url);
  try {
    return await question(redis);
  } finally {
    redis.disconnect();
  }
}

async function contentsOf(redis: Redis): Promise<Record<string, string>> {
  const contents: Record<string, string> = {};
  for (const key of await redis.keys('*')) {
    const isText = (await redis.type(key)) === 'string';
    contents[key] = isText
      ? ((await redis.get(key)) ?? '')
      : JSON.stringify(await redis.hgetall(key));
  }
  return contents;
}

async function launch(port: number, directory: string) {
  await Bun.$`mkdir -p ${directory}`.quiet();
  const settings = { port, bind: '127.0.0.1', dir: directory, save: '', appendonly: 'yes' };
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const child = Bun.spawn(['redis-server', ...args, '--appendfsync', 'always'], {
    stdout: 'ignore',
    stderr: 'inherit',
  });
  while (!(await isServing(port))) {
    if (child.exitCode !== null) throw new Error(`redis-server ended with ${child.exitCode}.`);
  }
  return child;
}

/** It listens before it has read what it keeps on disk. */
function isServing(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'));
    socket.on('data', (answer) => {
      socket.destroy();
      resolve(answer.toString().startsWith('+PONG'));
    });
    socket.on('error', () => resolve(false));
  });
}

export async function freePort(): Promise<number> {
  const server = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data() {} } });
  const { port } = server;
  server.stop();
  return port;
}
