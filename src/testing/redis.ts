// A Redis server of a test's own, on a free port: it can be killed, frozen and started again with its data.
import { connect } from 'node:net';
import { temporaryDirectory } from './directory.ts';

const howToInstall = 'redis-server is missing. Install it: apt-get install --yes redis-server';

export type TestRedis = Awaited<ReturnType<typeof startRedis>>;

/** It keeps on disk what it acknowledges, so that a restart loses nothing. */
export async function startRedis() {
  if (Bun.which('redis-server') === null) throw new Error(howToInstall);
  const directory = temporaryDirectory();
  const port = await freePort();
  let child = await launch(port, directory.path);

  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    freeze: () => child.kill('SIGSTOP'),
    thaw: () => child.kill('SIGCONT'),
    async kill() {
      child.kill('SIGKILL');
      await child.exited;
    },
    /** Starts it again after it was killed, on the same port. */
    async restart() {
      child = await launch(port, directory.path);
    },
    async stop() {
      child.kill('SIGKILL');
      await child.exited;
      directory.remove();
    },
  };
}

async function launch(port: number, directory: string) {
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
