// The server as a process: configuration, application, listening, and a graceful stop.
import type { Logger } from 'pino';
import { createApplication } from './app.ts';
import { type Config, readConfig } from './config.ts';
import { openControl } from './control.ts';
import type { Edge } from './http/edge.ts';
import { createLogger } from './log.ts';

/** Serves until the process is told to stop. */
export async function serve(): Promise<void> {
  const config = readConfig(process.env);
  const logger = createLogger(config);
  const told = untilTold();
  const application = await createApplication(config, logger);
  const url = await listening(application);
  const control = controlOf(config, application.edge, logger);
  logger.info({ url: url.href, docs: new URL('/docs', url).href, ...placeOf(config) }, 'listening');

  const signal = await told;
  logger.info({ signal }, 'stopping');
  await control?.close();
  await application.stop();
  logger.info('stopped');
  process.exit(0);
}

/** Commands reach the stores of a database by themselves, beside any number of servers. */
function controlOf({ database, dataDirectory }: Config, edge: Edge, logger: Logger) {
  return database.engine === 'sqlite' ? openControl(dataDirectory, edge, logger) : undefined;
}

/** For people to see; the address of a database may hold a password. */
function placeOf({ database, dataDirectory }: Config) {
  return database.engine === 'sqlite'
    ? { data: dataDirectory }
    : { database: new URL(database.url).host + new URL(database.url).pathname };
}

/** Where nothing can listen, the stores are closed as at any other end. */
async function listening(application: Awaited<ReturnType<typeof createApplication>>): Promise<URL> {
  try {
    return application.listen();
  } catch (error) {
    await application.stop();
    throw error;
  }
}

/** Package managers send the terminal's Ctrl-C a second time; only a later one is impatience. */
const repeatMs = 1_000;

function untilTold(): Promise<string> {
  return new Promise((resolve) => {
    let toldAt: number | undefined;
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        if (toldAt !== undefined && performance.now() - toldAt > repeatMs) process.exit(130);
        toldAt ??= performance.now();
        resolve(signal);
      });
    }
  });
}
