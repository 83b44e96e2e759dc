import type { Config } from '../../src/config.ts';
import { startServer, temporaryPlace } from '../../src/testing/server.ts';

/** A server that comes back at the same address, and then takes none of its earlier access tokens. */
export async function startRestartable(overrides: Partial<Config> = {}) {
  const directory = temporaryPlace();
  let starts = 0;
  let port = 0;

  const start = () => {
    starts += 1;
    const [jwt, other] = [[`${starts} ${'a'.repeat(32)}`], ['b'.repeat(32)]];
    const secrets = { jwt, refresh: other, crypto: other };
    return startServer({ ...overrides, directory: directory.path, port, secrets });
  };

  let server = await start();
  const { url } = server;
  port = Number(new URL(url).port);

  return {
    url,
    stopServer: () => server.stop(),
    async startAgain() {
      server = await start();
    },
    async restart() {
      await this.stopServer();
      await this.startAgain();
    },
    async stop() {
      await server.stop();
      await directory.remove();
    },
  };
}
