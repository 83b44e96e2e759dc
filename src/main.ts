// The server as a process: configuration, application, listening, and a graceful stop.
import { createApplication } from './app.ts';
import { readConfig } from './config.ts';
import { openControl } from './control.ts';
import { createLogger } from './log.ts';

/** Serves until the process is told to stop. */
export async function serve(): Promise<void> {
  const config = readConfig(process.env);
  const logger = createLogger(config);
  const application = await createApplication(config, logger);
  const url = application.listen();
  const control = openControl(config.dataDirectory, application.edge, logger);
  logger.info(
    { url: url.href, docs: new URL('/docs', url).href, data: config.dataDirectory },
    'listening',
  );

  const signal = await new Promise<string>((resolve) => {
    process.once('SIGTERM', () => resolve('SIGTERM'));
    process.once('SIGINT', () => resolve('SIGINT'));
  });
  logger.info({ signal }, 'stopping');
  process.once('SIGINT', () => process.exit(130)); // a second Ctrl-C does not wait
  await control.close();
  await application.stop();
  logger.info('stopped');
  process.exit(0);
}
